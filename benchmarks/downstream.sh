#!/usr/bin/env bash
# What two small pretrained models are worth afterwards: suites, several tasks at once, distillation.
#
#   benchmarks/downstream.sh CORPUS VALID TASKS OUT     e.g. benchmarks/downstream.sh english english_valid tasks runs/downstream
#
# CORPUS is text, VALID text that is held out, TASKS the folder of labelled sets that the suites know (docs/evaluation.md).
# Everything goes on where it was interrupted when it is run again. MINUTES (60) is how long each model is pretrained, SEEDS
# (3) how often each task is learned, JOBS (1) how many rows are learned at once: on one large GPU 16 share it well.
set -euo pipefail
corpus=$1 valid=$2 tasks=$3 out=$4
minutes=${MINUTES:-60} seeds=${SEEDS:-3} jobs=${JOBS:-1}
mkdir -p "$out/models" "$out/logs"

# One tokenizer for all, so that they differ in what they learn and how, not in the tokens. BERT begins with sinusoidal
# positions: with random ones it stays long at what the frequency of words alone can say (docs/lab-notes.md).
shared=(tokenizer.kind=wordpiece tokenizer.lowercase=true tokenizer.specials=bert tokenizer.vocabulary=16384
  tokenizer.published_vocabulary=30522)
near=(backbone.initial_positions=sinusoidal backbone.initial_deviation=0.04 'training.optimizer.betas=[0.9,0.98]')
rate=(training.optimizer.learning_rate=5e-4) # the best of four on the dev parts of SST-2 and CoLA, for both models

run() { # FOLDER COMMAND...: run it to its end once, going on where it stopped
  local folder=$1
  shift
  [[ -e $folder/done ]] && return
  "$@" --out "$folder" $([[ -d $folder/checkpoints || -d $folder/seed-1/checkpoints ]] && echo --resume) && touch "$folder/done"
}

pretrain() { # NAME RECIPE [SETTING]...
  local name=$1
  shift
  run "$out/models/$name" bothways pretrain "$@" --data "$corpus" data.valid="$valid" data.shards="$out/shards" \
    "${shared[@]}" training.minutes="$minutes" training.evaluate_every=400
}

evaluate() { # SUITE ROWS SEEDS MODEL...
  local suite=$1 rows=$2 times=$3
  shift 3
  bothways evaluate "$@" --suite "$suite" --rows "$rows" --seeds "$times" --data "$tasks" --out "$out/$suite" \
    $([[ $suite == blimp ]] || echo "${rate[@]}")
}

several() { # MODEL
  run "$out/several-$1" bothways finetune "$out/models/$1" --tasks "$out/several.yaml" --seeds "$seeds" \
    training.epochs=5 "${rate[@]}"
}

distil() {
  local sst2=(--data "$tasks/sst2/train.tsv" --dev "$tasks/sst2/dev.tsv" --test "$tasks/sst2/test-labeled.tsv" data.limit=8000)
  run "$out/teachers" bothways finetune "$out/models/bert-small" --task classify "${sst2[@]}" --seeds 3 "${rate[@]}" &&
    run "$out/alone" bothways finetune "$out/models/bert-tiny" --task classify "${sst2[@]}" --seeds "$seeds" "${rate[@]}" &&
    run "$out/taught" bothways distil "$out"/teachers/seed-{1,2,3} --into "$out/models/bert-tiny" "${sst2[@]}" \
      --seeds "$seeds" "${rate[@]}"
}

job() { # evaluate SUITE ROW SEEDS MODEL | several MODEL | distil
  local log
  log=$out/logs/$(tr ' /' '--' <<< "$*").txt
  if "$@" > "$log" 2>&1; then echo "done: $*"; else echo "failed: $*; see $log" >&2 && return 1; fi
}

pretrain bert-small bert-small "${near[@]}"
pretrain xlnet-small xlnet-small
pretrain bert-tiny bert-tiny "${near[@]}" training.batch=64

# Several tasks over one encoder against each alone (the rows of GLUE).
cat > "$out/several.yaml" <<YAML
tasks:
  cola: {task: {kind: classify, metric: matthews, length: 64}, data: {train: $tasks/cola/raw/in_domain_train.tsv, test: $tasks/cola/raw/in_domain_dev.tsv, limit: 8000, columns: {text: 3, label: 1, header: "no"}}}
  mrpc: {task: {kind: classify, metric: f1_accuracy, positive: "1", length: 128}, data: {train: $tasks/mrpc/msr_paraphrase_train.txt, test: $tasks/mrpc/msr_paraphrase_test.txt}}
  rte: {task: {kind: classify, length: 128}, data: {train: $tasks/rte/train.txt, test: $tasks/rte/dev.txt, columns: {text: 0, pair: 1, label: 2, header: "no"}}}
  stsb: {task: {kind: regress, length: 128}, data: {train: $tasks/stsb/sts-train.tsv, dev: $tasks/stsb/sts-dev.tsv, test: $tasks/stsb/sts-test.tsv, columns: {text: 5, pair: 6, label: 4, header: "no"}}}
YAML

# Rows are folders of their own, so they may be learned side by side; the tables below only read them.
glue=cola,sst2,mrpc,stsb,rte,wnli,qnli
models=("$out/models/bert-small" "$out/models/xlnet-small")
{
  echo distil
  for model in "${models[@]}"; do
    echo "evaluate blimp blimp 1 $model"
    echo "several $(basename "$model")"
    for row in ${glue//,/ }; do echo "evaluate glue $row $seeds $model"; done
    for row in squad-dev-articles-1 squad-dev-articles-2; do echo "evaluate squad $row 1 $model"; done
    echo "evaluate pos ud_ewt $seeds $model"
    for row in wnut17 wikigold; do echo "evaluate ner $row $seeds $model"; done
    for row in arc-easy arc-challenge; do echo "evaluate choice $row $seeds $model"; done
  done
} > "$out/jobs"
export -f run job evaluate several distil
export out tasks seeds
export rate_words="${rate[*]}"
xargs -P "$jobs" -I{} bash -c 'read -ra rate <<< "$rate_words"; job {}' < "$out/jobs"

for table in "glue $glue $seeds" "squad squad-dev-articles-1,squad-dev-articles-2 1" "choice arc-easy,arc-challenge $seeds" \
  "pos ud_ewt $seeds" "ner wnut17,wikigold $seeds" "blimp blimp 1"; do
  read -r suite rows times <<< "$table"
  evaluate "$suite" "$rows" "$times" "${models[@]}" | tee "$out/$suite.txt"
done
