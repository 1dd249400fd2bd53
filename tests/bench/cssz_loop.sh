#!/bin/sh
# cssz_loop.sh FOLDER URL PKI - what an administrator would write instead of the box for ČSSZ (spec/cssz 3 to 6): every form of the folder is signed (detached),
# compressed, encrypted for the office, put into its envelope and sent; the result is asked for, its seal verified over Canonical XML, the submission closed.
# One program after the other. The key's URI with its PIN, the certificate, the module, the class, the form code and the variable symbol stand in KEY, CERT,
# PKCS11_MODULE_PATH, CLASS, ETYPE, VS. The same checks of the server as the box: TLS 1.2 or newer, HTTP/1.1, one connection for each request, no proxy.
set -eu
PKI=$3
send() {
	curl --silent --show-error --fail --http1.1 --tlsv1.2 --cacert "$PKI/ca.pem" --noproxy '*' -H 'Content-Type: text/xml; charset=utf-8' \
		--data-binary "@$1" -o "$2" "$3"
}
# envelope QUALIFIER FUNCTION ID: the head of a GovTalk message, up to its Body
envelope() {
	printf '<?xml version="1.0" encoding="UTF-8"?>\n<GovTalkMessage xmlns="http://www.govtalk.gov.uk/CM/envelope"><EnvelopeVersion>2.0</EnvelopeVersion><Header><MessageDetails><Class>%s</Class><Qualifier>%s</Qualifier><Function>%s</Function><CorrelationID>%s</CorrelationID></MessageDetails></Header><GovTalkDetails><Keys><Key Type="vars">%s</Key></Keys><GatewayAdditions><Flags><TimestampVersion>xmldsig</TimestampVersion></Flags></GatewayAdditions></GovTalkDetails><Body>' \
		"$CLASS" "$1" "$2" "$3" "$VS"
}
value_of() {
	xmllint --xpath "string(//*[local-name()='$1'])" "$2"
}
for form in "$1"/*.xml; do
	openssl cms -sign -engine pkcs11 -keyform engine -inkey "$KEY" -signer "$CERT" -md sha256 -noattr -binary -nosmimecap -outform DER -in "$form" \
		-out "$form.p7s" 2>"$form.err"
	gzip -c "$form" >"$form.gz"
	openssl cms -encrypt -binary -aes-256-cbc -outform DER -in "$form.gz" -out "$form.p7m" "$PKI/dis.pem"
	{
		envelope request submit ''
		printf '<Message xmlns="http://www.cssz.cz/XMLSchema/envelope" version="1.2" eType="%s"><Header><Signature xmlns:dt="urn:schemas-microsoft-com:datatypes" dt:dt="bin.base64">' "$ETYPE"
		base64 -w0 "$form.p7s"
		printf '</Signature><Vendor productName="Loop" version="1.0"/></Header><Body xmlns:dt="urn:schemas-microsoft-com:datatypes" encrypted="yes" contentEncoding="gzip" dt:dt="bin.base64">'
		base64 -w0 "$form.p7m"
		printf '</Body></Message></Body></GovTalkMessage>\n'
	} >"$form.request"
	send "$form.request" "$form.reply" "$2/submission"
	id=$(value_of CorrelationID "$form.reply")
	{ envelope poll submit "$id" && printf '</Body></GovTalkMessage>\n'; } >"$form.poll"
	send "$form.poll" "$form.result" "$2/poll"
	value_of SignatureValue "$form.result" | base64 -d >"$form.seal"
	openssl cms -verify -binary -inform DER -CAfile "$PKI/dis-ca.pem" -purpose any -in "$form.seal" -out "$form.sealed" 2>>"$form.err"
	sed -e '1d' -e 's|.*<Message |<Message |' -e 's|</Message>.*|</Message>|' -e 's|<SignatureValue>[^<]*</SignatureValue>|<SignatureValue></SignatureValue>|' \
		"$form.result" >"$form.message"
	xmllint --c14n "$form.message" | openssl dgst -sha512 -binary >"$form.digest"
	cmp -s "$form.sealed" "$form.digest"
	[ "$(xmllint --xpath "string(//*[local-name()='ProcessingResult']/@result)" "$form.message")" = OK ]
	{ envelope poll delete "$id" && printf '</Body></GovTalkMessage>\n'; } >"$form.close"
	send "$form.close" "$form.closed" "$2/poll"
done
