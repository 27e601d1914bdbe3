"""Tests of encoders run on one thread; those of the page in a real browser."""

from chromium import browser as browser
from chromium import open_page as open_page
from model_cases import one_thread as one_thread
