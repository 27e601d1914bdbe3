#!/usr/bin/env bash
# What two models pretrained for an hour each are worth afterwards: suites, several tasks at once, distillation.
#
#   benchmarks/downstream.sh CORPUS TASKS OUT          e.g. benchmarks/downstream.sh data/corpora/english data/tasks runs/downstream
#
# CORPUS is text, TASKS the folder of labelled sets that the suites know (docs/evaluation.md). Everything goes on where it
# was interrupted when it is run again. MINUTES (60) is how long each model is pretrained, SEEDS (3) how often each task is
# learned, WORDS are further settings of the fine-tuning runs.
set -euo pipefail
corpus=$1 tasks=$2 out=$3
minutes=${MINUTES:-60} seeds=${SEEDS:-3}
read -ra words <<< "${WORDS:-}"

pretrain() { # RECIPE
  [[ -e $out/$1/done ]] && return
  bothways pretrain "$1" --data "$corpus" --out "$out/$1" $([[ -d $out/$1/checkpoints ]] && echo --resume) \
    data.shards="$out/shards" "${shared[@]}" training.minutes="$minutes"
  touch "$out/$1/done"
}

# One tokenizer for both, so that they differ in what they learn and how, not in the tokens.
shared=(tokenizer.kind=wordpiece tokenizer.lowercase=true tokenizer.specials=bert tokenizer.vocabulary=16384)
pretrain bert-small
pretrain xlnet-small

for suite in glue squad choice pos ner blimp; do
  bothways evaluate "$out/bert-small" "$out/xlnet-small" --suite $suite --data "$tasks" --seeds "$seeds" \
    --out "$out/$suite" "${words[@]}" | tee "$out/$suite.txt"
done

# Several tasks over one encoder against each alone (the GLUE table above), main task CoLA.
cat > "$out/several.yaml" <<YAML
tasks:
  cola: {task: {kind: classify, metric: matthews, length: 64}, data: {train: $tasks/cola/raw/in_domain_train.tsv, test: $tasks/cola/raw/in_domain_dev.tsv, columns: {text: 3, label: 1, header: "no"}}}
  mrpc: {task: {kind: classify, length: 128}, data: {train: $tasks/mrpc/msr_paraphrase_train.txt, test: $tasks/mrpc/msr_paraphrase_test.txt}}
  rte: {task: {kind: classify, length: 128}, data: {train: $tasks/rte/train.txt, test: $tasks/rte/dev.txt}}
  stsb: {task: {kind: regress, length: 128}, data: {train: $tasks/stsb/sts-train.tsv, dev: $tasks/stsb/sts-dev.tsv, test: $tasks/stsb/sts-test.tsv, columns: {text: 5, pair: 6, label: 4, header: "no"}}}
YAML
for model in bert-small xlnet-small; do
  bothways finetune "$out/$model" --tasks "$out/several.yaml" --seeds "$seeds" --out "$out/several-$model" \
    "${words[@]}" | tee "$out/several-$model.txt"
done

# A student alone, and the same one taught by three teachers.
sst2=(--data "$tasks/sst2/train.tsv" --dev "$tasks/sst2/dev.tsv" --test "$tasks/sst2/test-labeled.tsv")
bothways finetune "$out/bert-small" --task classify "${sst2[@]}" data.limit=8000 --seeds 3 --out "$out/teachers"
bothways pretrain bert-tiny --data "$corpus" --out "$out/bert-tiny" data.shards="$out/shards" "${shared[@]}" \
  training.minutes=10 $([[ -d $out/bert-tiny/checkpoints ]] && echo --resume)
bothways finetune "$out/bert-tiny" --task classify "${sst2[@]}" data.limit=8000 --seeds "$seeds" --out "$out/alone"
bothways distil "$out"/teachers/seed-{1,2,3} --into "$out/bert-tiny" "${sst2[@]}" data.limit=8000 --seeds "$seeds" \
  --out "$out/taught"
