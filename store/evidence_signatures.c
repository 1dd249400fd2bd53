/* Block (4) of OVERENI.txt: who signed the filing, and what the other side signed. The commands are meant literally: tests run them. */
#include "evidence.h"

#include <string.h>

const struct evidence_object *evidence_find_file(const struct evidence *evidence, const char *file)
{
	for (size_t i = 0; i < evidence->object_count; i++) {
		if (strcmp(evidence->objects[i].file, file) == 0 && !evidence->objects[i].absent) {
			return &evidence->objects[i];
		}
	}
	return NULL;
}

/* What a signature without content is over; NULL: it holds its content, or that is not here. */
static const char *content_of(const struct evidence *evidence)
{
	const struct evidence_object *object = evidence->signed_over == 0 ? NULL : &evidence->objects[evidence->signed_over - 1];

	return object == NULL || object->absent ? NULL : object->file;
}

static bool has_filing(const struct evidence *evidence)
{
	return evidence_find_file(evidence, "podano.p7s") != NULL && (evidence->signed_over == 0 || content_of(evidence) != NULL);
}

/* potvrzeni.xml are the very bytes under the seal: what the seal proves, needs these alone. That they are what came (the last lines) is shown with the canonical form that
 * leaves out what was declared around the message: the seal may have been made with that or without. */
static const char seal_commands[] =
    "    openssl x509 -in kdo.pem -noout -subject -issuer -serial\n"
    "    grep -q \"^signer: $(openssl x509 -in kdo.pem -outform DER | sha256sum | cut -d ' ' -f 1)\" zaznam-*.leaf\n"
    "    hash=$(xmllint --xpath 'string(//*[local-name()=\"DigestMethod\"]/@Algorithm)' potvrzeni.xml | sed 's/.*#//')\n"
    "    openssl dgst -$hash -binary potvrzeni.xml | cmp - otisk\n"
    "    zprava() {\n"
    "      xmllint --noblanks --xpath '//*[local-name()=\"Message\"]' $1 | sed -z 's/\\(<[A-Za-z0-9]*:\\{0,1\\}SignatureValue[^>]*>\\)[^<]*/\\1/' |\n"
    "        xmllint --noblanks --exc-c14n -\n"
    "    }\n"
    "    zprava odpoved-uvnitr.xml > zprava-prisla; [ -s zprava-prisla ]\n"
    "    zprava potvrzeni.xml | cmp - zprava-prisla\n"
    "    echo 'pečeť souhlasí / the seal agrees'\n";

static void write_seal(const char *at, FILE *to)
{
	(void)fprintf(to,
	              "    cp " EVIDENCE_SEALED_REPLY " odpoved-uvnitr.xml; chmod u+w odpoved-uvnitr.xml\n"
	              "    if grep -q BodyBase64XML " EVIDENCE_SEALED_REPLY "; then\n"
	              "      xmllint --xpath 'string(//*[local-name()=\"BodyBase64XML\"])' " EVIDENCE_SEALED_REPLY
	              " | tr -d ' \\t\\r\\n' | base64 -d > odpoved-uvnitr.xml\n"
	              "    fi\n"
	              "    xmllint --xpath 'string(//*[local-name()=\"SignatureValue\"])' odpoved-uvnitr.xml | tr -d ' \\t\\r\\n' | base64 -d > pecet\n"
	              "    openssl cms -verify -binary -inform DER -in pecet -CAfile duvera.pem -purpose any%s -signer kdo.pem -out otisk\n%s",
	              at, seal_commands);
}

void evidence_write_signatures(const struct evidence *evidence, const char *at, FILE *to)
{
	bool confirmed = evidence_find_file(evidence, "potvrzeni.p7s") != NULL, filing = has_filing(evidence);
	bool sealed = evidence_find_file(evidence, EVIDENCE_SEALED_REPLY) != NULL && evidence_find_file(evidence, "potvrzeni.xml") != NULL;
	const char *content = content_of(evidence);

	if (filing || confirmed || sealed) {
		(void)fprintf(to, "\n(4)\n");
	}
	if (filing) {
		(void)fprintf(
		    to,
		    "    openssl cms -verify -binary -inform DER -in podano.p7s%s%s -CAfile duvera.pem -purpose any%s -signer kdo.pem -out podepsano\n"
		    "    openssl x509 -in kdo.pem -noout -subject -issuer -serial\n"
		    "    grep -q \"^signer: $(openssl x509 -in kdo.pem -outform DER | sha256sum | cut -d ' ' -f 1)\" zaznam-*.leaf\n",
		    content != NULL ? " -content " : "", content != NULL ? content : "", at);
	}
	if (confirmed) {
		(void)fprintf(to,
		              "    openssl cms -verify -binary -inform DER -in potvrzeni.p7s -CAfile duvera.pem -purpose any%s -signer kdo.pem -out potvrzeno\n"
		              "    openssl x509 -in kdo.pem -noout -subject -issuer -serial\n",
		              at);
	}
	if (sealed) {
		write_seal(at, to);
	}
}

static bool is_partial(const struct evidence *evidence)
{
	for (size_t i = evidence->record_count; i > 0; i--) {
		if (strcmp(evidence->records[i - 1].type, "closed") == 0) {
			return evidence->records[i - 1].partial;
		}
	}
	return false;
}

static void write_seal_words(bool in_czech, FILE *to)
{
	(void)fprintf(
	    to,
	    in_czech
	        ? "Odpověď druhé strany není CMS: je to XML s pečetí uvnitř, %s (místo potvrzeni.p7s). potvrzeni.xml jsou přesně bajty pod pečetí: zpráva "
	          "v kanonickém\n"
	          "tvaru (Canonical XML 1.0) s prázdnou hodnotou podpisu. Pečeť je CMS, jehož obsahem je otisk těchto bajtů. Kdo chce vědět, co druhá strana "
	          "podepsala, čte\n"
	          "potvrzeni.xml. (4) ověří CMS, porovná otisk s potvrzeni.xml a potvrzeni.xml se zprávou, která přišla; k tomu je třeba navíc xmllint "
	          "(balíček libxml2-utils).\n"
	          "Pečeť nekryje obálku kolem zprávy ani identifikátor podání v ní. podatelna-audit ověří CMS a otisk; potvrzeni.xml s došlou zprávou "
	          "neporovnává a řekne to.\n"
	        : "The reply of the other side is no CMS: it is XML with a seal inside, %s (in place of potvrzeni.p7s). potvrzeni.xml are the very bytes under "
	          "the seal:\n"
	          "the message in canonical form (Canonical XML 1.0) with the value of the signature empty. The seal is a CMS whose content is the hash of "
	          "these bytes. Whoever\n"
	          "wants to know what the other side signed reads potvrzeni.xml. (4) verifies the CMS, compares the hash with potvrzeni.xml, and potvrzeni.xml "
	          "with the message\n"
	          "that came; that takes xmllint as well (package libxml2-utils). The seal covers neither the envelope around the message nor the identifier "
	          "in it.\n"
	          "podatelna-audit verifies the CMS and the hash; it does not compare potvrzeni.xml with the message that came, and says so.\n",
	    EVIDENCE_SEALED_REPLY);
}

void evidence_write_signature_words(const struct evidence *evidence, bool in_czech, FILE *to)
{
	bool sealed = evidence_find_file(evidence, EVIDENCE_SEALED_REPLY) != NULL, partial = is_partial(evidence);
	const char *content = content_of(evidence);

	if (evidence->signed_over == 0 && !sealed && !partial) {
		return;
	}
	(void)fprintf(to, in_czech ? "\nV tomto případu\n" : "\nIn this case\n");
	if (evidence->signed_over != 0) {
		(void)fprintf(
		    to,
		    in_czech ? "podano.p7s nese jen podpis (detached); podepsán je soubor %s, bajt po bajtu. odeslano je zpráva, ve které podpis i data "
		               "odešly; data "
		               "v ní\n"
		               "jsou zašifrována pro druhou stranu.\n"
		             : "podano.p7s holds the signature only (detached); what is signed is the file %s, byte by byte. odeslano is the message in which "
		               "signature and data left;\n"
		               "the data in it are encrypted for the other side.\n",
		    content != NULL ? content
		    : in_czech      ? "(jeho obsah tu není)"
		                    : "(whose content is not here)");
	}
	if (sealed) {
		write_seal_words(in_czech, to);
	}
	if (partial) {
		(void)fprintf(
		    to,
		    in_czech
		        ? "verdict partial: druhá strana přijala jen část toho, co bylo podáno, a zbytek odmítla. Které části to jsou, říká potvrzeni.xml; "
		          "slovy "
		          "protokol.txt.\n"
		        : "verdict partial: the other side accepted some parts of what was filed and refused the rest. Which these are, potvrzeni.xml says; in "
		          "words, protokol.txt.\n");
	}
}
