#!/usr/bin/env bash
# Issues the certificates of this example and writes them as Secrets.
#
#   .pki/          keys and certificates as files, for nginx and curl
#   secrets.yaml   the same for the cluster, or for `viaduct up`
#
# Two authorities of their own: the edge's, which clients trust, and the backend's, which only the proxy
# trusts. Running it again replaces everything; a running `viaduct up` takes the new Secrets by itself,
# nginx has to be started again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077
mkdir -p .pki
name=web.example.com

authority() { # file, common name
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 30 \
        -subj "/CN=$2" -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign' \
        -keyout ".pki/$1.key" -out ".pki/$1.pem" 2>/dev/null
}

issue() { # file, authority, subject alternative name, extended key usage
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -subj "/CN=$1" \
        -keyout ".pki/$1.key" -out ".pki/$1.csr" 2>/dev/null
    openssl x509 -req -in ".pki/$1.csr" -CA ".pki/$2.pem" -CAkey ".pki/$2.key" -days 7 -out ".pki/$1.pem" \
        -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=%s\n' "$3" "$4") 2>/dev/null
    rm ".pki/$1.csr"
}

tls_secret() { # name of the Secret, file
    printf -- '---\napiVersion: v1\nkind: Secret\ntype: kubernetes.io/tls\n'
    printf 'metadata:\n  name: %s\n  namespace: web\ndata:\n' "$1"
    printf '  tls.crt: %s\n  tls.key: %s\n' "$(base64 <".pki/$2.pem" | tr -d '\n')" "$(base64 <".pki/$2.key" | tr -d '\n')"
}

authority edge-ca 'Example Edge CA'
authority backend-ca 'Example Backend CA'
authority clients-ca 'Example Proxy CA'
issue edge edge-ca "DNS:$name" serverAuth
issue backend backend-ca "DNS:$name" serverAuth
issue proxy clients-ca 'URI:spiffe://example.com/proxy' clientAuth

{
    echo '# Written by make-secrets.sh; private keys inside.'
    tls_secret web-ingressroute-tls edge
    tls_secret backend-tls backend
    tls_secret proxy-client proxy
    printf -- '---\napiVersion: v1\nkind: Secret\ntype: Opaque\nmetadata:\n  name: backend-ca\n  namespace: web\n'
    printf 'data:\n  ca.crt: %s\n' "$(base64 <.pki/backend-ca.pem | tr -d '\n')"
} >.secrets.draft
mv .secrets.draft secrets.yaml
echo "wrote $PWD/secrets.yaml and $PWD/.pki"
