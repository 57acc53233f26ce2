#!/bin/sh
# Launches a run through the webserver of the current cluster, waits until its pod has succeeded, and
# sends forged requests, which must be refused.
set -eu

webserver=deployment/dagster-webserver
ask() { kubectl exec "$webserver" -- python -c "$1"; }

ask '
import json, time, urllib.error, urllib.parse, urllib.request

URL = "http://127.0.0.1:3000/graphql"
LAUNCH = """mutation { launchRun(executionParams: {selector: {repositoryLocationName: "ouspark",
  repositoryName: "__repository__", jobName: "read_index"}, runConfigData: {}})
  { __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""

def query(text):
    body = json.dumps({"query": text}).encode()
    request = urllib.request.Request(URL, body, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))["data"]

def status_of(url, **headers):
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60).status
    except urllib.error.HTTPError as error:
        return error.code

assert status_of(URL + "?query=" + urllib.parse.quote("mutation{setNuxSeen}")) == 405
assert status_of(URL, Host="evil.example") == 403
assert status_of(URL, Origin="http://evil.example") == 403

launched = query(LAUNCH)["launchRun"]
assert launched["__typename"] == "LaunchRunSuccess", launched
run, deadline, status = launched["run"]["runId"], time.monotonic() + 600, ""
while status != "SUCCESS":
    assert status not in ("FAILURE", "CANCELED") and time.monotonic() < deadline, status
    time.sleep(5)
    status = query("{ runOrError(runId: \"%s\") { ... on Run { status } } }" % run)["runOrError"]["status"]
print("run", run, status)
'
kubectl get jobs,pods
