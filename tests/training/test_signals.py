import os
import signal
import threading

import pytest

from bothways.training.signals import StopRequest


def handlers():
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_request_that_names_itself(number):
    before = handlers()
    with StopRequest() as stop:
        assert not stop.is_set
        os.kill(os.getpid(), number)
        assert stop.is_set
        assert stop.signal == number.name
    assert handlers() == before


def test_a_second_interrupt_aborts_and_the_old_handlers_come_back():
    before = handlers()
    with StopRequest() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.signal == "SIGTERM"
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert handlers() == before


def test_in_another_thread_training_goes_on_without_hearing_signals():
    found = []

    def inside():
        with StopRequest() as stop:
            found.append(stop.is_set)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert found == [False]
