#!/usr/bin/env bash
# Runs the backend of this example: a plain web server on port 8081, and in front of it an nginx with
# TLS on port 9443, from the ConfigMap in nginx-conf.yaml. Ends both with Ctrl-C.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[ -e .pki/backend.pem ] || { echo 'run make-secrets.sh first' >&2; exit 1; }
PATH="$PATH:/usr/sbin"

# What a pod gets by mounts.
mkdir -p .pki/nginx
cp .pki/backend.pem .pki/nginx/cert.pem
cp .pki/backend.key .pki/nginx/key.pem
cp .pki/clients-ca.pem .pki/nginx/clients-ca.pem
sed -n '/^  nginx.conf: |$/,$ { /^  nginx.conf: |$/d; s/^    //; p; }' nginx-conf.yaml |
    sed "s|/etc/nginx/ssl|$PWD/.pki/nginx|; s|/tmp/nginx-backend.pid|$PWD/.pki/nginx/pid|" >.pki/nginx/nginx.conf

mkdir -p .pki/app
echo 'hello from behind the sidecar' >.pki/app/index.html
python3 -m http.server 8081 --bind 127.0.0.1 --directory .pki/app &
app=$!
nginx -p "$PWD/.pki/nginx" -c "$PWD/.pki/nginx/nginx.conf" -g 'daemon off;' &
nginx=$!
trap 'kill "$app" "$nginx" 2>/dev/null || true' EXIT
trap 'exit 0' INT TERM
wait -n
