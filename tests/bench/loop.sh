#!/bin/sh
# loop.sh FOLDER URL CA-FILE - what an administrator would write instead of the box: every form of the folder is signed (CAdES, attached, DER), tried
# and filed, one program after the other. The key's URI with its PIN, the certificate and the module stand in KEY, CERT, PKCS11_MODULE_PATH.
# The same bytes, addresses and checks of the server as the box: TLS 1.2 or newer, HTTP/1.1, one connection for each request, no proxy.
set -eu
send() {
	curl --silent --show-error --fail --http1.1 --tlsv1.2 --cacert "$CA" --noproxy '*' -H 'Content-Type: application/pkcs7-signature' \
		--data-binary "@$1" -o "$2" "$3"
}
CA=$3
for form in "$1"/*.xml; do
	openssl cms -sign -engine pkcs11 -keyform engine -inkey "$KEY" -signer "$CERT" -md sha256 -cades -binary -nodetach -nosmimecap \
		-outform DER -in "$form" -out "$form.p7s" 2>"$form.err"
	send "$form.p7s" "$form.test" "$2/epo_podani?test=1"
	send "$form.p7s" "$form.reply" "$2/epo_podani"
done
