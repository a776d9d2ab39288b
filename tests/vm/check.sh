#!/bin/bash
# The end-to-end suite inside a VM with pure cgroup v2 and all controllers. VM_PART=short runs what only such a
# machine can show (limits, OOM); without it everything runs. SKIP with the reason where there is no qemu.
set -u
cd "$(dirname "$0")/../.."
for t in qemu-system-x86_64 busybox mkfs.ext4; do
	command -v $t >/dev/null || { echo "SKIP: check-vm: $t is not installed"; exit 0; }
done
[ -x /usr/lib/qemu/virtiofsd ] || { echo "SKIP: check-vm: /usr/lib/qemu/virtiofsd is not installed"; exit 0; }
tests=tests/e2e
[ "${VM_PART:-}" = short ] && tests="tests/e2e/test_limits.py"
python=$(command -v python3)
$python -c 'import pytest' 2>/dev/null || python=/usr/bin/python3
export SHALLOP_BIN=${SHALLOP_BIN:-$PWD/bin} E2E_SLOW=10 PYTHONDONTWRITEBYTECODE=1
# TMPDIR is the guest's: out here there is no /scratch, and vmrun.sh would build a broken initramfs.
VMRUN_ENV="SHALLOP_BIN E2E_SLOW PYTHONDONTWRITEBYTECODE" \
	exec tests/vm/vmrun.sh -m 2048 -t "${VM_SECONDS:-1500}" -M 'nf_tables nft_chain_nat nft_masq nft_nat nf_conntrack veth br_netfilter' \
	env TMPDIR=/scratch tests/e2e/host.sh "$python" -m pytest -p no:cacheprovider -q -rs $tests
