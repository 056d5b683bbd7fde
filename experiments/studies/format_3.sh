#!/usr/bin/env bash
# Do runs of format 3, from before labels were recorded, go on with the same bits? Trains 20 steps by the kgan of an
# older commit, goes on for 20 more by that kgan and by this one, and compares the log and every array.
#   experiments/studies/format_3.sh [COMMIT] > experiments/results/format_3.txt
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
commit=${1:-c7d09d9}
place=$(mktemp -d)
trap 'git worktree remove --force "$place/source"; rm -rf "$place"' EXIT
git worktree add --quiet --detach "$place/source" "$commit"
python=$(command -v python)
old() { PYTHONPATH=$place/source "$python" -m kgan.train "$@" > "$place/log.txt" 2>&1; }
new() { PYTHONPATH=$PWD "$python" -m kgan.train "$@" > "$place/log.txt" 2>&1; }
"$python" -c 'import keras, scipy, sklearn, tensorflow as tf
print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, SciPy {scipy.__version__}, scikit-learn {sklearn.__version__}")' 2> /dev/null
echo "started by $commit, gone on by it and by $(git rev-parse --short HEAD)"
common=(--dataset=digits --batch_size=8 --tick=10 --precision=float32)
compare() {  # NAME FLAGS...
    local name=$1; shift
    old "${common[@]}" "$@" --steps=20 --workdir="$place/old_$name"
    cp -r "$place/old_$name" "$place/new_$name"
    old "${common[@]}" "$@" --steps=40 --workdir="$place/old_$name"
    new "${common[@]}" "$@" --steps=40 --workdir="$place/new_$name"
    cmp "$place/old_$name/log.csv" "$place/new_$name/log.csv"
    "$python" - "$place" "$name" "$*" <<'PY'
import sys
import numpy as np
place, name, flags = sys.argv[1:]
old, new = (dict(np.load(f"{place}/{which}_{name}/checkpoints/step-40/state.npz")) for which in ("old", "new"))
assert old.keys() == new.keys() and all(old[key].tobytes() == new[key].tobytes() for key in old)
print(f"{flags}: log.csv and all {len(old)} arrays are the same, to the bit")
PY
}
compare clusters --model=dcgan_fast --noconditional --kinds=7
compare classes --model=dcgan_fast --kinds=0
compare both --model=dcgan_fast --kinds=20
compare none --model=dcgan
