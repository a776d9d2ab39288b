#!/bin/bash
# Build Kubernetes' own kubectl (the version that go.mod pins) into DIR. Needs Go and its module proxy.
set -eu
[ $# = 1 ] || { echo "usage: build.sh DIR" >&2; exit 2; }
command -v go >/dev/null || { echo "no go here: tests with the real kubectl will be skipped" >&2; exit 0; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
v=$(sed -n 's|^require k8s.io/kubernetes ||p' go.mod)
ld="-s -w -X k8s.io/component-base/version.gitVersion=$v -X k8s.io/component-base/version.gitMajor=1"
ld="$ld -X k8s.io/component-base/version.gitMinor=37 -X k8s.io/client-go/pkg/version.gitVersion=$v"
go build -ldflags "$ld" -o "$out/kubectl" k8s.io/kubernetes/cmd/kubectl
