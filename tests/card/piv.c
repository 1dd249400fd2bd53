/* The applet: ISO 7816-4 commands as SP 800-73-4, part 2 has them. */
#include "card.h"

#include <string.h>

#define SELECT 0xA4
#define VERIFY 0x20
#define GENERAL_AUTHENTICATE 0x87
#define GET_DATA 0xCB

static const uint8_t applet[] = { 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00 };

static void put(struct card_answer *answer, const void *data, size_t length)
{
	if (length <= CARD_RESPONSE_BYTES - answer->length) {
		memcpy(answer->data + answer->length, data, length);
		answer->length += length;
	}
}

static void put_header(struct card_answer *answer, uint8_t tag, size_t length)
{
	uint8_t head[4] = { tag, (uint8_t)length };
	size_t used = 2;

	if (length > 0xFF) {
		head[1] = 0x82;
		head[2] = (uint8_t)(length >> 8);
		head[3] = (uint8_t)length;
		used = 4;
	} else if (length > 0x7F) {
		head[1] = 0x81;
		head[2] = (uint8_t)length;
		used = 3;
	}
	put(answer, head, used);
}

/* Tag and length at the front of the data; both are stepped over. */
static bool take_header(const uint8_t **data, size_t *left, uint8_t *ret_tag, size_t *ret_length)
{
	size_t used = 2, length = 0;

	if (*left < 2) {
		return false;
	}
	*ret_tag = (*data)[0];
	length = (*data)[1];
	if (length > 0x7F) {
		size_t more = length & 0x7F;

		if (more == 0 || more > 2 || *left < 2 + more) {
			return false;
		}
		length = more == 1 ? (*data)[2] : (size_t)(*data)[2] << 8 | (*data)[3];
		used += more;
	}
	if (length > *left - used) {
		return false;
	}
	*data += used;
	*left -= used;
	*ret_length = length;
	return true;
}

void card_reset(struct card *card)
{
	card->selected = card->verified = card->fresh = false;
	card->command_bytes = card->response_bytes = card->response_at = 0;
	card->used_key = false;
}

static unsigned do_select(struct card *card, const struct card_command *command, struct card_answer *answer)
{
	static const uint8_t template[] = { 0x61, 0x11, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08 };

	if (command->p1 != 0x04 || command->length < 5 || command->length > sizeof applet || memcmp(command->data, applet, command->length) != 0) {
		return CARD_NOT_FOUND;
	}
	card->selected = true;
	put(answer, template, sizeof template);
	return CARD_OK;
}

static void put_chuid(const struct card *card, struct card_answer *answer)
{
	/* FASC-N of agency 9999: not of a federal issuer, the GUID is the card's number. */
	static const uint8_t front[] = { 0x53, 0x3B, 0x30, 0x19, 0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83,
		                         0x68, 0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB, 0x34, 0x10 };
	static const uint8_t back[] = { 0x35, 0x08, '2', '0', '9', '9', '1', '2', '3', '1', 0x3E, 0x00, 0xFE, 0x00 };

	put(answer, front, sizeof front);
	put(answer, card->guid, sizeof card->guid);
	put(answer, back, sizeof back);
}

static unsigned put_certificate(const struct card_slot *slot, struct card_answer *answer)
{
	static const uint8_t back[] = { 0x71, 0x01, 0x00, 0xFE, 0x00 };
	size_t head = slot->certificate_bytes > 0xFF ? 4 : slot->certificate_bytes > 0x7F ? 3 : 2;

	if (slot->certificate == NULL) {
		return CARD_NOT_FOUND;
	}
	put_header(answer, 0x53, head + slot->certificate_bytes + sizeof back);
	put_header(answer, 0x70, slot->certificate_bytes);
	put(answer, slot->certificate, slot->certificate_bytes);
	put(answer, back, sizeof back);
	return CARD_OK;
}

static unsigned do_get_data(const struct card *card, const struct card_command *command, struct card_answer *answer)
{
	static const uint8_t discovery[] = { 0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
		                             0x00, 0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F, 0x02, 0x40, 0x00 };
	static const uint8_t capabilities[] = { 0x53, 0x0E, 0xF1, 0x01, 0x21, 0xF2, 0x01, 0x21, 0xF4, 0x01, 0x00, 0xF5, 0x01, 0x10, 0xFE, 0x00 };
	static const uint8_t history[] = { 0x53, 0x08, 0xC1, 0x01, 0x00, 0xC2, 0x01, 0x00, 0xFE, 0x00 };
	const uint8_t *wanted = command->data;

	if (command->length == 3 && memcmp(wanted, "\x5C\x01\x7E", 3) == 0) {
		put(answer, discovery, sizeof discovery);
		return CARD_OK;
	}
	if (command->length != 5 || memcmp(wanted, "\x5C\x03\x5F\xC1", 4) != 0) {
		return CARD_NOT_FOUND;
	}
	switch (wanted[4]) {
	case 0x02:
		put_chuid(card, answer);
		return CARD_OK;
	case 0x07:
		put(answer, capabilities, sizeof capabilities);
		return CARD_OK;
	case 0x0C:
		put(answer, history, sizeof history);
		return CARD_OK;
	default:
		break;
	}
	for (size_t i = 0; i < CARD_SLOTS; i++) {
		if (card->slots[i].tag == wanted[4]) {
			return put_certificate(&card->slots[i], answer);
		}
	}
	return CARD_NOT_FOUND;
}

/* SP 800-73-4, part 2, 3.2.1. Each try is counted before it is compared. */
static unsigned do_verify(struct card *card, const struct card_command *command)
{
	bool good = false;

	if (command->p2 != 0x80) {
		return CARD_NO_KEY;
	}
	if (command->p1 == 0xFF && command->length == 0) {
		card->verified = false;
		ledger_write("logout");
		return CARD_OK;
	}
	if (command->length == 0) {
		return card->verified ? CARD_OK : card->tries_left == 0 ? CARD_PIN_BLOCKED : 0x63C0 | card->tries_left;
	}
	if (command->p1 != 0 || command->length != CARD_PIN_BYTES) {
		return CARD_WRONG_DATA;
	}
	if (card->tries_left == 0) {
		ledger_write("verify blocked");
		return CARD_PIN_BLOCKED;
	}
	card->tries_left--;
	card_save_tries(card);
	good = memcmp(command->data, card->pin, CARD_PIN_BYTES) == 0;
	card->verified = card->fresh = good;
	if (!good) {
		ledger_write("verify refused %u", card->tries_left);
		return card->tries_left == 0 ? CARD_PIN_BLOCKED : 0x63C0 | card->tries_left;
	}
	card->tries_left = card->tries_most;
	card_save_tries(card);
	ledger_write("verify ok");
	return CARD_OK;
}

/* The dynamic authentication template: an empty 82 asks, 81 is a challenge, 85 a point. */
static bool read_template(const struct card_command *command, const uint8_t **ret, size_t *ret_length, bool *ret_derive)
{
	const uint8_t *data = command->data;
	size_t left = command->length, length = 0;
	uint8_t tag = 0;
	bool asked = false;

	*ret = NULL;
	if (!take_header(&data, &left, &tag, &length) || tag != 0x7C || length != left) {
		return false;
	}
	while (left > 0) {
		if (!take_header(&data, &left, &tag, &length)) {
			return false;
		}
		if (tag == 0x82 && length == 0) {
			asked = true;
		} else if ((tag == 0x81 || tag == 0x85) && *ret == NULL) {
			*ret = data;
			*ret_length = length;
			*ret_derive = tag == 0x85;
		} else {
			return false;
		}
		data += length;
		left -= length;
	}
	return asked && *ret != NULL;
}

/* What a slot may be asked now: 9E always, 9A and 9D after the PIN, 9C right after the PIN and once (SP 800-73-4, part 1, table 5). */
static bool may_use(struct card *card, const struct card_slot *slot)
{
	switch (slot->number) {
	case 0x9E:
		return true;
	case 0x9C:
		return card->verified && card->fresh;
	default:
		return card->verified;
	}
}

static unsigned use_slot(struct card *card, const struct card_slot *slot, const struct card_command *command, struct card_answer *answer)
{
	uint8_t made[CARD_OPERATION_BYTES];
	const uint8_t *data = NULL;
	size_t length = 0, made_length = 0;
	unsigned status = CARD_WRONG_DATA;
	bool derive = false;

	if (!may_use(card, slot)) {
		return CARD_NOT_ALLOWED;
	}
	if (!read_template(command, &data, &length, &derive)) {
		return CARD_WRONG_DATA;
	}
	if (card->faults.fail_count > 0) {
		card->faults.fail_count--;
		return card->faults.fail_status;
	}
	status = card_operate(slot, command->p1, derive, data, length, made, &made_length);
	if (status == CARD_OK) {
		put_header(answer, 0x7C, made_length + (made_length > 0xFF ? 4 : made_length > 0x7F ? 3 : 2));
		put_header(answer, 0x82, made_length);
		put(answer, made, made_length);
	}
	return status;
}

static unsigned do_authenticate(struct card *card, const struct card_command *command, struct card_answer *answer)
{
	for (size_t i = 0; i < CARD_SLOTS; i++) {
		if (card->slots[i].number == command->p2) {
			unsigned status = use_slot(card, &card->slots[i], command, answer);

			ledger_write("key %02X %02X %04X", command->p2, command->p1, status);
			card->used_key = true;
			return status;
		}
	}
	return CARD_NO_KEY;
}

unsigned card_execute(struct card *card, const struct card_command *command, struct card_answer *answer)
{
	unsigned status = 0x6D00;

	if (command->instruction != SELECT && !card->selected) {
		return 0x6D00;
	}
	switch (command->instruction) {
	case SELECT:
		status = do_select(card, command, answer);
		break;
	case GET_DATA:
		status = command->p1 == 0x3F && command->p2 == 0xFF ? do_get_data(card, command, answer) : 0x6A86;
		break;
	case VERIFY:
		return do_verify(card, command); /* decides about `fresh` itself */
	case GENERAL_AUTHENTICATE:
		status = do_authenticate(card, command, answer);
		break;
	default:
		break;
	}
	card->fresh = false;
	return status;
}
