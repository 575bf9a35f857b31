#!/usr/bin/env bash
# Runs all steps on two cores and prints each command. `make demo` calls this script.
#   DEMO    folder for all results. Defaults to demo.
#   PHOTOS  folder of your own photos to rank. Defaults to drawn photos that were not trained on.
set -euo pipefail

PYTHON=${PYTHON:-python}
DEMO=${DEMO:-demo}
PHOTOS=${PHOTOS:-}

step() {
  printf '\n\033[1m$ %s\033[0m\n' "${*/#$PYTHON/python}"
  "$@"
}

mkdir -p "$DEMO"
step "$PYTHON" prepare.py --dataset=synthetic_series/scenes --data_dir="$DEMO/datasets" \
  --sheet="$DEMO/series.png" --photos="$DEMO/photos"
step "$PYTHON" train.py --flagfile=configs/demo.flags --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" evaluate.py --dataset=synthetic_series/scenes --data_dir="$DEMO/datasets" --workdir="$DEMO/run"
step "$PYTHON" export.py --workdir="$DEMO/run" --base="$DEMO/exported"
MODEL=$DEMO/exported/$(ls "$DEMO/exported" | sort -n | tail -n 1)
step "$PYTHON" rank.py --model="$MODEL" --photos="${PHOTOS:-$DEMO/photos}" \
  --html="$DEMO/ranked.html"

cat <<END

The results are in $DEMO/
  series.png               series of the dataset
  run/curves.png           loss and accuracy during training
  run/evaluation.json      evaluation on photos that were not trained on
  exported/                the SavedModel, for TensorFlow Serving and other pipelines
  ranked.html              the ranked photos

Next
  Rank your own photos:           make demo PHOTOS=/path/to/photos
  Train longer or on your photos: see docs/training.md
  Serve or call the model:        see serving/README.md and docs/pipelines.md
  Train the paper's network:      python train.py --flagfile=configs/photo_triage.flags --help
END
