/* card.h - a virtual PIV card (NIST SP 800-73-4) for tests: it speaks the protocol of the virtual reader vpcd, and it IS the card: its directory holds
 * what a real one hides. It shares no code with the product.
 *
 * Directory of a card
 *   guid               32 hex digits, the card's number (CHUID)
 *   pin                6 to 8 digits
 *   tries              "LEFT MOST\n": tries of the PIN; written at each VERIFY, so that a block survives everything
 *   9A.key 9A.pem ...  key and certificate of a slot (9A 9C 9D 9E), RSA-2048, RSA-3072, P-256 or P-384; either may be missing
 */
#ifndef CARD_CARD_H
#define CARD_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/evp.h>

#define CARD_SLOTS 4
#define CARD_PIN_BYTES 8         /* padded with FF */
#define CARD_OBJECT_BYTES 8192   /* of a certificate */
#define CARD_COMMAND_BYTES 4096  /* of a chained command */
#define CARD_RESPONSE_BYTES 8300 /* of an object with its frame */
#define CARD_PATH_BYTES 4096
#define CARD_OPERATION_BYTES 512 /* of what a private key makes */

#define CARD_OK 0x9000
#define CARD_NOT_ALLOWED 0x6982
#define CARD_PIN_BLOCKED 0x6983
#define CARD_WRONG_DATA 0x6A80
#define CARD_NOT_FOUND 0x6A82
#define CARD_NO_KEY 0x6A88
#define CARD_MEMORY_FAILURE 0x6581

struct card_slot {
	uint8_t number;       /* 9A 9C 9D 9E */
	uint8_t tag;          /* last byte of the certificate's tag, 5F C1 xx */
	EVP_PKEY *key;        /* NULL: the slot is empty */
	uint8_t *certificate; /* DER, NULL: none */
	size_t certificate_bytes;
};

/* What tests may ask of the card (control.c). */
struct card_faults {
	unsigned latency_ms; /* of each use of a private key */
	unsigned fail_count; /* so many uses of a private key end with fail_status */
	unsigned fail_status;
	unsigned pull_count; /* in the so-many-th use of a private key the card is pulled; 0: in none */
	unsigned pull_ms;    /* so long after its beginning */
	bool hang;           /* nothing is answered */
};

struct card {
	char directory[CARD_PATH_BYTES];
	struct card_slot slots[CARD_SLOTS];
	uint8_t guid[16];
	uint8_t pin[CARD_PIN_BYTES];
	unsigned tries_left, tries_most;
	struct card_faults faults;

	bool selected, verified;
	bool fresh;                          /* the last command was a good VERIFY: 9C signs once */
	uint8_t command[CARD_COMMAND_BYTES]; /* a chained command so far */
	size_t command_bytes;
	uint8_t response[CARD_RESPONSE_BYTES]; /* what GET RESPONSE has not fetched */
	size_t response_bytes, response_at;
	bool used_key; /* the last command used a private key */
};

/* keys.c */

/* Reads the directory; what another card left in `card` is freed. Faults stay. False: not a card, nothing is usable. */
bool card_load(struct card *card, const char *directory);
/* Frees keys and certificates. */
void card_free(struct card *card);
/* A number at the front of the text, which is stepped over. */
bool card_read_number(const char **text, int base, unsigned *ret);
/* Makes the tries of the PIN durable. */
void card_save_tries(const struct card *card);
/* The private operation of `algorithm` (SP 800-78-4, table 6-2) in a slot: RSA without padding, ECDSA over a hash, or ECDH with a point (`derive`).
 * Returns a status word; `ret` has room for CARD_OPERATION_BYTES. */
unsigned card_operate(const struct card_slot *slot, uint8_t algorithm, bool derive, const uint8_t *data, size_t length, uint8_t *ret, size_t *ret_length);

/* piv.c */

struct card_command {
	uint8_t class, instruction, p1, p2;
	const uint8_t *data;
	size_t length, expected; /* expected: 0 when no Le came */
};

/* A growing answer; what does not fit is a mistake of this program and ends in a wrong length, not behind the buffer. */
struct card_answer {
	uint8_t *data;
	size_t length;
};

/* What power or a reset does: nothing is selected, the PIN was not entered. */
void card_reset(struct card *card);
/* A whole command; returns the status word. */
unsigned card_execute(struct card *card, const struct card_command *command, struct card_answer *answer);

/* apdu.c */

/* One command, one response (`ret` has room for 65538 bytes). Returns the length of the response. */
size_t card_respond(struct card *card, const uint8_t *apdu, size_t length, uint8_t *ret);

/* ledger.c */

/* Lines go to this file. False: it cannot be opened. */
bool ledger_open(const char *path);
/* One line, "MILLISECONDS WORDS": what the card was asked and what became of it. Time is CLOCK_MONOTONIC. */
void ledger_write(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* CLOCK_MONOTONIC in milliseconds. */
uint64_t ledger_now_ms(void);

#endif
