#!/bin/bash
# host.sh CMD [ARG...]: run CMD on a small host of its own: a network namespace with an interface eth0
# (192.0.2.10/24, default route by 192.0.2.1) whose other end is in a second namespace, "the world",
# and a private mount namespace. Nothing is left behind when CMD ends; no packet leaves this machine.
set -eu
if [ "${1:-}" != --inside ]; then
	[ "$(id -u)" = 0 ] || { echo "host.sh: needs root" >&2; exit 1; }
	exec unshare --net --mount --propagation private "$0" --inside "$@"
fi
shift
ip link set lo up
# As every booted host has it; a container or chroot may not.
[ "$(stat -f -c %T /run)" = tmpfs ] || mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/netns
mount -t tmpfs -o mode=755 tmpfs /run/netns
ip netns add world
ip link add eth0 type veth peer name out netns world
ip addr add 192.0.2.10/24 dev eth0
ip link set eth0 up
ip route add default via 192.0.2.1
ip -n world link set lo up
ip -n world addr add 192.0.2.1/24 dev out
ip -n world link set out up
# Kernel settings of a namespace start from the initial one's; a stock host forwards nothing.
echo 0 >/proc/sys/net/ipv4/ip_forward
"$@"
