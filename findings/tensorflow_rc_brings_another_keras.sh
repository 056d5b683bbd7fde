#!/usr/bin/env bash
# A release candidate of TensorFlow replaces Keras behind pip's back.
#
# Seen with tensorflow 2.22.0rc0, keras 3.15.1 and keras-nightly 3.16.0.dev2026102704. The release candidate requires keras-nightly,
# where releases require keras. Both packages install the same directory `keras/`: the one that comes last overwrites the other,
# and pip says nothing, `pip check` included. `importlib.metadata.version("keras")` goes on naming 3.15.1. When keras-nightly is
# removed, as on the way back to a release, most of `keras/` goes with it, and pip still lists keras 3.15.1.
#
# Why it matters: a project that requires keras and is tried on a release candidate is tried on a Keras that it does not name,
# and whatever it writes down of versions by pip's metadata is wrong. (`keras.__version__` is right.)
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
pip=("$place/venv/bin/pip" --disable-pip-version-check -q)
python=$place/venv/bin/python
"${pip[@]}" install --dry-run --no-deps --report "$place/report.json" tensorflow==2.22.0rc0 2> /dev/null
required=$("$python" -c '
import json, sys
(found,) = json.load(open(sys.argv[1]))["install"]
print(*(one for one in found["metadata"]["requires_dist"] if one.startswith("keras")))' "$place/report.json")
echo "tensorflow 2.22.0rc0 requires: $required"
[[ $required == keras-nightly* ]]

versions() {  # that pip's metadata names, and that the directory `keras/` is of
    "$python" - <<'PYTHON'
import importlib.metadata
import pathlib
import re
import sysconfig

file = pathlib.Path(sysconfig.get_path("purelib"), "keras", "src", "version.py")
held = re.search(r'__version__ = "(.*)"', file.read_text())[1] if file.exists() else "nothing"
print(f"pip: keras {importlib.metadata.version('keras')}; on the disk: {held}")
PYTHON
}

"${pip[@]}" install --no-deps keras==3.15.1 2> /dev/null
first=$(versions)
"${pip[@]}" install --no-deps keras-nightly==3.16.0.dev2026102704 2> /dev/null
second=$(versions)
"${pip[@]}" uninstall -y keras-nightly 2> /dev/null
third=$(versions)
printf 'keras alone              %s\nafter keras-nightly      %s\nafter its removal        %s\n' "$first" "$second" "$third"
[[ $first == "pip: keras 3.15.1; on the disk: 3.15.1" ]]
[[ $second == "pip: keras 3.15.1; on the disk: 3.16.0.dev"* ]]
[[ $third == "pip: keras 3.15.1; on the disk: nothing" ]]
