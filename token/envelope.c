#include "envelope.h"

#include <stdlib.h>
#include <string.h>

#include "../appliance/base/err.h"
#include "../appliance/base/text.h"
#include "../appliance/base/der.h"

#define PRIMITIVE_0 0x80
#define CONTEXT_1 0xa1
#define CONTEXT_2 0xa2
#define SMALL_BYTES 64 /* an OID, a version, a tag of GCM */
#define ALGORITHM_BYTES 256

/* ContentInfo, its [0], Enveloped- or AuthEnvelopedData, EncryptedContentInfo, encryptedContent */
enum { INFO, WRAPPER, DATA, ENCRYPTED, CONTENT };

static const struct cipher {
	int nid;
	const char *name;
	const EVP_CIPHER *(*cipher)(void);
	bool authenticated;
} ciphers[] = {
	{ NID_aes_128_cbc, "aes-128-cbc", EVP_aes_128_cbc, false }, { NID_aes_192_cbc, "aes-192-cbc", EVP_aes_192_cbc, false },
	{ NID_aes_256_cbc, "aes-256-cbc", EVP_aes_256_cbc, false }, { NID_des_ede3_cbc, "des-ede3-cbc", EVP_des_ede3_cbc, false },
	{ NID_aes_128_gcm, "aes-128-gcm", EVP_aes_128_gcm, true },  { NID_aes_192_gcm, "aes-192-gcm", EVP_aes_192_gcm, true },
	{ NID_aes_256_gcm, "aes-256-gcm", EVP_aes_256_gcm, true },
};

static int fail(struct envelope *envelope, int err, const char *why)
{
	envelope->why = why;
	return err;
}

/* --- the head --- */

static int enter(struct envelope *envelope, int level, uint8_t tag)
{
	struct ber_level top = BER_TOP;

	return ber_enter(&envelope->ber, level == INFO ? &top : &envelope->levels[level - 1], tag, &envelope->levels[level]);
}

static int read_type(struct envelope *envelope, int level, int *ret_nid)
{
	uint8_t oid[SMALL_BYTES];
	size_t length = 0;
	int err = ber_element(&envelope->ber, &envelope->levels[level], DER_OID, oid, sizeof oid, &length);

	if (err == 0) {
		*ret_nid = envelope_nid(span_of(oid, length));
	}
	return err;
}

/* One RecipientInfo behind the others; kept when it is ours and none was before it. */
static int read_recipient(struct envelope *envelope, const struct ber_level *set, X509 *certificate, size_t *total, bool *found)
{
	struct envelope_recipient recipient;
	uint8_t tag = 0, *place = *found ? NULL : envelope->head;
	size_t length = 0;
	int err = ber_peek(&envelope->ber, set, &tag);

	if (err != 0) {
		return err;
	}
	if (*found) {
		uint64_t before = envelope->ber.position;

		err = ber_skip(&envelope->ber, set, tag, ENVELOPE_HEAD_MAX_BYTES - *total);
		length = (size_t)(envelope->ber.position - before);
	} else {
		err = ber_element(&envelope->ber, set, tag, place, ENVELOPE_HEAD_MAX_BYTES - *total, &length);
	}
	*total += length < ENVELOPE_HEAD_MAX_BYTES - *total ? length : ENVELOPE_HEAD_MAX_BYTES - *total;
	if (err != 0 || *found) {
		return err;
	}
	err = envelope_recipient_read(span_of(place, length), certificate, &recipient, &envelope->why);
	if (err == 0) {
		*found = true;
		envelope->recipient = recipient;
	}
	return err == ERR_NOTFOUND ? 0 : err;
}

static int read_recipients(struct envelope *envelope, X509 *certificate)
{
	struct ber_level set;
	size_t total = 0;
	bool more = false, found = false;
	int err = ber_enter(&envelope->ber, &envelope->levels[DATA], DER_SET, &set);

	if (err == 0) {
		err = ber_more(&envelope->ber, &set, &more);
	}
	while (err == 0 && more) {
		err = read_recipient(envelope, &set, certificate, &total, &found);
		if (err == 0) {
			err = ber_more(&envelope->ber, &set, &more);
		}
	}
	if (err == 0) {
		err = ber_leave(&envelope->ber, &set);
	}
	if (err != 0) {
		return err;
	}
	return found ? 0 : fail(envelope, ERR_NOTFOUND, N_("it is not for this certificate"));
}

/* IV ::= OCTET STRING (RFC 3565, 3370); GCMParameters ::= SEQUENCE { nonce OCTET STRING, ICVlen INTEGER DEFAULT 12 } (RFC 5084 3.2) */
static int read_cipher_parameters(struct envelope *envelope, struct span parameters)
{
	struct span sequence = parameters, iv, number;

	envelope->tag_length = 12;
	if (envelope->authenticated && (!der_read(&parameters, DER_SEQUENCE, &sequence, NULL) || !span_is_empty(parameters))) {
		return ERR_FORMAT;
	}
	if (!der_read(&sequence, DER_OCTET_STRING, &iv, NULL)) {
		return ERR_FORMAT;
	}
	if (envelope->authenticated && der_read(&sequence, DER_INTEGER, &number, NULL)) {
		envelope->tag_length = number.length == 1 ? number.data[0] : 0;
	}
	if (!span_is_empty(sequence) || envelope->tag_length < 12 || envelope->tag_length > 16) {
		return ERR_FORMAT;
	}
	if (envelope->authenticated ? iv.length < 12 || iv.length > sizeof envelope->iv : iv.length != (size_t)EVP_CIPHER_get_iv_length(envelope->cipher)) {
		return ERR_FORMAT;
	}
	memcpy(envelope->iv, iv.data, iv.length);
	envelope->iv_length = iv.length;
	return 0;
}

static int read_cipher(struct envelope *envelope)
{
	uint8_t algorithm[ALGORITHM_BYTES];
	struct span parameters;
	size_t length = 0;
	int nid = NID_undef, err = ber_element(&envelope->ber, &envelope->levels[ENCRYPTED], DER_SEQUENCE, algorithm, sizeof algorithm, &length);

	if (err != 0 || !envelope_algorithm(span_of(algorithm, length), &nid, &parameters)) {
		return err != 0 ? err : ERR_FORMAT;
	}
	for (size_t i = 0; i < sizeof ciphers / sizeof ciphers[0]; i++) {
		if (ciphers[i].nid == nid && ciphers[i].authenticated == envelope->authenticated) {
			envelope->cipher = ciphers[i].cipher();
			envelope->cipher_name = ciphers[i].name;
			envelope->key_length = (size_t)EVP_CIPHER_get_key_length(envelope->cipher);
		}
	}
	if (envelope->cipher == NULL) {
		return fail(envelope, ERR_UNSUPPORTED, N_("the content is encrypted in a way that is not supported"));
	}
	return read_cipher_parameters(envelope, parameters);
}

static int read_data_head(struct envelope *envelope, X509 *certificate)
{
	uint8_t version[SMALL_BYTES], tag = 0;
	size_t length = 0;
	int nid = NID_undef, err = ber_element(&envelope->ber, &envelope->levels[DATA], DER_INTEGER, version, sizeof version, &length);

	if (err == 0) {
		err = ber_peek(&envelope->ber, &envelope->levels[DATA], &tag);
	}
	if (err == 0 && tag == DER_CONTEXT_0) { /* originatorInfo: certificates of a sender that we do not need */
		err = ber_skip(&envelope->ber, &envelope->levels[DATA], DER_CONTEXT_0, ENVELOPE_HEAD_MAX_BYTES);
	}
	if (err == 0) {
		err = read_recipients(envelope, certificate);
	}
	if (err == 0) {
		err = enter(envelope, ENCRYPTED, DER_SEQUENCE);
	}
	if (err == 0) {
		err = read_type(envelope, ENCRYPTED, &nid); /* what is inside is the asker's to judge */
	}
	return err == 0 ? read_cipher(envelope) : err;
}

int envelope_open(struct envelope *envelope, ber_source source, void *context, X509 *certificate)
{
	uint8_t tag = 0;
	int nid = NID_undef, err = ERR_MEMORY;

	memset(envelope, 0, sizeof *envelope);
	envelope->why = N_("it is not a CMS that can be read");
	envelope->head = malloc(ENVELOPE_HEAD_MAX_BYTES);
	if (envelope->head == NULL || ber_open(&envelope->ber, source, context) != 0) {
		return err;
	}
	err = enter(envelope, INFO, DER_SEQUENCE);
	if (err == 0) {
		err = read_type(envelope, INFO, &nid);
	}
	envelope->authenticated = nid == NID_id_smime_ct_authEnvelopedData;
	if (err == 0 && nid != NID_pkcs7_enveloped && !envelope->authenticated) {
		err = fail(envelope, ERR_UNSUPPORTED, N_("it is neither EnvelopedData nor AuthEnvelopedData"));
	}
	if (err == 0) {
		err = enter(envelope, WRAPPER, DER_CONTEXT_0);
	}
	if (err == 0) {
		err = enter(envelope, DATA, DER_SEQUENCE);
	}
	if (err == 0) {
		err = read_data_head(envelope, certificate);
	}
	if (err == 0) {
		err = ber_peek(&envelope->ber, &envelope->levels[ENCRYPTED], &tag);
	}
	if (err == 0 && tag != PRIMITIVE_0 && tag != DER_CONTEXT_0) {
		err = ERR_FORMAT;
	}
	envelope->constructed = tag == DER_CONTEXT_0;
	return err == 0 ? enter(envelope, CONTENT, tag) : err;
}

void envelope_close(struct envelope *envelope)
{
	ber_close(&envelope->ber);
	free(envelope->head);
	envelope->head = NULL;
}

/* --- the content --- */

struct flow {
	EVP_CIPHER_CTX *cipher;
	envelope_sink sink;
	void *context;
	uint64_t limit, written;
	uint8_t *plain; /* BER_STEP_BYTES and one block */
};

static int put(struct flow *flow, size_t length)
{
	if (length > flow->limit - flow->written) {
		return ERR_LIMIT;
	}
	flow->written += length;
	return length == 0 ? 0 : flow->sink(flow->context, flow->plain, length);
}

static int decrypt_level(struct envelope *envelope, const struct ber_level *level, struct flow *flow)
{
	struct span piece = { NULL, 0 };
	int err = 0;

	do {
		int length = 0;

		err = ber_piece(&envelope->ber, level, &piece);
		if (err == 0 && piece.length > 0) {
			err =
			    EVP_DecryptUpdate(flow->cipher, flow->plain, &length, piece.data, (int)piece.length) == 1 ? put(flow, (size_t)length) : ERR_FORMAT;
		}
	} while (err == 0 && piece.length > 0);
	return err;
}

/* One string, or a sequence of them (X.690 8.7.3). */
static int decrypt_content(struct envelope *envelope, struct flow *flow)
{
	const struct ber_level *content = &envelope->levels[CONTENT];
	bool more = true;
	int err = 0;

	if (!envelope->constructed) {
		return decrypt_level(envelope, content, flow);
	}
	while ((err = ber_more(&envelope->ber, content, &more)) == 0 && more) {
		struct ber_level string;

		err = ber_enter(&envelope->ber, content, DER_OCTET_STRING, &string);
		if (err == 0) {
			err = decrypt_level(envelope, &string, flow);
		}
		if (err != 0) {
			return err;
		}
	}
	return err;
}

static int read_tag(struct envelope *envelope, struct flow *flow)
{
	uint8_t bytes[SMALL_BYTES], tag = 0;
	struct span whole, value;
	size_t length = 0;
	int err = ber_peek(&envelope->ber, &envelope->levels[DATA], &tag);

	if (err == 0 && tag == CONTEXT_1) {
		return fail(envelope, ERR_UNSUPPORTED, N_("authenticated attributes are not supported"));
	}
	if (err == 0) {
		err = ber_element(&envelope->ber, &envelope->levels[DATA], DER_OCTET_STRING, bytes, sizeof bytes, &length);
	}
	if (err != 0) {
		return err;
	}
	whole = span_of(bytes, length);
	if (!der_read(&whole, DER_OCTET_STRING, &value, NULL) || value.length != envelope->tag_length ||
	    EVP_CIPHER_CTX_ctrl(flow->cipher, EVP_CTRL_AEAD_SET_TAG, (int)value.length, (void *)(uintptr_t)value.data) != 1) {
		return ERR_FORMAT;
	}
	return 0;
}

/* What stands behind the content: the tag, attributes that nobody vouches for, the ends. */
static int read_end(struct envelope *envelope, struct flow *flow)
{
	bool more = false;
	int err = ber_leave(&envelope->ber, &envelope->levels[CONTENT]);

	if (err == 0) {
		err = ber_leave(&envelope->ber, &envelope->levels[ENCRYPTED]);
	}
	if (err == 0 && envelope->authenticated) {
		err = read_tag(envelope, flow);
	}
	if (err == 0) {
		err = ber_more(&envelope->ber, &envelope->levels[DATA], &more);
	}
	if (err == 0 && more) {
		err = ber_skip(&envelope->ber, &envelope->levels[DATA], envelope->authenticated ? CONTEXT_2 : CONTEXT_1, ENVELOPE_HEAD_MAX_BYTES);
	}
	for (int level = DATA; err == 0 && level >= INFO; level--) {
		err = ber_leave(&envelope->ber, &envelope->levels[level]);
	}
	return err == 0 ? ber_finish(&envelope->ber) : err;
}

static int run(struct envelope *envelope, const uint8_t *key, struct flow *flow)
{
	int length = 0, err = ERR_MEMORY;

	if (flow->cipher == NULL || flow->plain == NULL || EVP_DecryptInit_ex(flow->cipher, envelope->cipher, NULL, NULL, NULL) != 1 ||
	    (envelope->authenticated && EVP_CIPHER_CTX_ctrl(flow->cipher, EVP_CTRL_AEAD_SET_IVLEN, (int)envelope->iv_length, NULL) != 1) ||
	    EVP_DecryptInit_ex(flow->cipher, NULL, NULL, key, envelope->iv) != 1) {
		return err;
	}
	err = decrypt_content(envelope, flow);
	if (err == 0) {
		err = read_end(envelope, flow);
	}
	if (err != 0) {
		return err;
	}
	return EVP_DecryptFinal_ex(flow->cipher, flow->plain, &length) == 1 ? put(flow, (size_t)length) : ERR_FORMAT;
}

int envelope_content(struct envelope *envelope, const uint8_t *key, envelope_sink sink, void *context, uint64_t limit, uint64_t *ret_written)
{
	struct flow flow = {
		.cipher = EVP_CIPHER_CTX_new(), .sink = sink, .context = context, .limit = limit, .plain = malloc(BER_STEP_BYTES + EVP_MAX_BLOCK_LENGTH)
	};
	int err = run(envelope, key, &flow);

	*ret_written = flow.written;
	EVP_CIPHER_CTX_free(flow.cipher);
	if (flow.plain != NULL) {
		explicit_bzero(flow.plain, BER_STEP_BYTES + EVP_MAX_BLOCK_LENGTH);
	}
	free(flow.plain);
	return err;
}
