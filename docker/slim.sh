#!/bin/sh
# Remove from a virtual environment what no search runs: tests of packages, headers and Ray's Java.
# usage: slim.sh VENV
set -eu
cd "$1"/lib/python3*/site-packages
find . -type d -name tests -prune -exec rm -rf {} +
rm -rf torch/test torch/include torch/bin/protoc* torch/bin/*est* ray/jars
