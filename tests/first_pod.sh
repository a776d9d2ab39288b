#!/bin/bash
# `make up`: a cluster on this machine, nginx in a Pod, fetched; then what to type next.
set -eu
cd "$(dirname "$0")/.."
bin=$PWD/bin
[ "$(id -u)" = 0 ] || { echo "make up needs root: sudo make up" >&2; exit 1; }
$bin/shallop up "$@"
export KUBECONFIG=/var/lib/shallop/kubeconfig
for i in nginx busybox probe; do $bin/shallop image import build/images/$i.tar; done
$bin/kubectl apply -f docs/pod_nginx.yaml
$bin/kubectl wait --for=condition=Ready pod/nginx --timeout=60s
ip=$($bin/kubectl get pod nginx -o 'jsonpath={.status.podIP}')
exec 3<>"/dev/tcp/$ip/80"
printf 'GET / HTTP/1.0\r\nHost: nginx\r\n\r\n' >&3
grep -o '<title>.*</title>' <&3
cat <<EOT

nginx runs in a Pod. What to type next:

  export PATH=$bin:\$PATH KUBECONFIG=$KUBECONFIG
  kubectl get pods -o wide
  kubectl logs -f nginx
  kubectl exec -it nginx -- bash
  kubectl port-forward pod/nginx 8080:80
  shallop status
  sudo shallop down            # stop; --purge removes everything
EOT
