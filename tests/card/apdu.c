/* Commands and responses as ISO 7816-4 carries them: short and extended lengths, chaining, GET RESPONSE. */
#include "card.h"

#include <string.h>

#define GET_RESPONSE 0xC0
#define SHORT_LE 256

/* ISO 7816-4, 5.1: short and extended lengths. */
static bool parse(const uint8_t *apdu, size_t length, struct card_command *ret)
{
	size_t rest = 0;

	*ret = (struct card_command){ 0 };
	if (length < 4) {
		return false;
	}
	*ret = (struct card_command){ .class = apdu[0], .instruction = apdu[1], .p1 = apdu[2], .p2 = apdu[3] };
	if (length == 4) {
		return true;
	}
	if (length == 5) {
		ret->expected = apdu[4] == 0 ? SHORT_LE : apdu[4];
		return true;
	}
	if (apdu[4] != 0) {
		ret->data = apdu + 5;
		ret->length = apdu[4];
		rest = length - 5;
		if (rest < ret->length || rest > ret->length + 1) {
			return false;
		}
		if (rest == ret->length + 1) {
			ret->expected = apdu[length - 1] == 0 ? SHORT_LE : apdu[length - 1];
		}
		return true;
	}
	if (length < 7) {
		return false;
	}
	ret->length = (size_t)apdu[5] << 8 | apdu[6];
	if (length == 7) {
		ret->expected = ret->length == 0 ? 65536 : ret->length;
		ret->length = 0;
		return true;
	}
	ret->data = apdu + 7;
	rest = length - 7;
	if (rest == ret->length + 2) {
		ret->expected = (size_t)apdu[length - 2] << 8 | apdu[length - 1];
		ret->expected = ret->expected == 0 ? 65536 : ret->expected;
		return true;
	}
	return rest == ret->length;
}

static size_t put_status(uint8_t *ret, size_t length, unsigned status)
{
	ret[length] = (uint8_t)(status >> 8);
	ret[length + 1] = (uint8_t)status;
	return length + 2;
}

/* As much of the response as was asked for; 61xx says how much is left. */
static size_t hand_over(struct card *card, size_t expected, uint8_t *ret)
{
	size_t left = card->response_bytes - card->response_at;
	size_t now = left < expected ? left : expected;

	memcpy(ret, card->response + card->response_at, now);
	card->response_at += now;
	left -= now;
	return put_status(ret, now, left == 0 ? CARD_OK : 0x6100 | (left > 0xFF ? 0 : (unsigned)left));
}

/* Pieces of a chained command are put together (ISO 7816-4, 5.1.1.1). False: the last one did not come yet, or `ret_status` says what is wrong. */
static bool whole(struct card *card, struct card_command *command, unsigned *ret_status)
{
	bool more = (command->class & 0x10) != 0;

	*ret_status = CARD_OK;
	if (!more && card->command_bytes == 0) {
		return true;
	}
	if (command->length > sizeof card->command - card->command_bytes) {
		card->command_bytes = 0;
		*ret_status = 0x6700;
		return false;
	}
	if (command->length > 0) {
		memcpy(card->command + card->command_bytes, command->data, command->length);
	}
	card->command_bytes += command->length;
	if (more) {
		return false;
	}
	command->data = card->command;
	command->length = card->command_bytes;
	card->command_bytes = 0;
	return true;
}

size_t card_respond(struct card *card, const uint8_t *apdu, size_t length, uint8_t *ret)
{
	struct card_command command;
	struct card_answer answer = { .data = card->response };
	unsigned status = CARD_OK;

	card->used_key = false;
	if (!parse(apdu, length, &command)) {
		return put_status(ret, 0, 0x6700);
	}
	if (command.instruction == GET_RESPONSE) {
		return hand_over(card, command.expected == 0 ? SHORT_LE : command.expected, ret);
	}
	card->response_bytes = card->response_at = 0;
	if (!whole(card, &command, &status)) {
		return put_status(ret, 0, status);
	}
	status = card_execute(card, &command, &answer);
	if (status != CARD_OK || answer.length == 0) {
		return put_status(ret, 0, status);
	}
	card->response_bytes = answer.length;
	return hand_over(card, command.expected, ret);
}
