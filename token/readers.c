#include "readers.h"

#include <string.h>

#include <winscard.h>

#define NAMES_MAX_BYTES (PCSCLITE_MAX_READERS_CONTEXTS * MAX_READERNAME)
#define SHOWN (SCARD_STATE_EMPTY | SCARD_STATE_PRESENT | SCARD_STATE_MUTE | SCARD_STATE_UNAVAILABLE | SCARD_STATE_UNKNOWN)
#define COUNTER_SHIFT 16 /* events of a reader stand above the state bits */

/* FNV-1a, 64 bits: a digest that tells looks apart, not one that resists anybody. */
#define FNV_START 14695981039346656037ULL
#define FNV_PRIME 1099511628211ULL
#define NOBODY 1ULL /* the digest where pcscd does not answer */

static uint64_t mix(uint64_t digest, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length; i++) {
		digest = (digest ^ bytes[i]) * FNV_PRIME;
	}
	return digest;
}

void readers_close(struct readers *readers)
{
	if (readers->connected) {
		(void)SCardReleaseContext(readers->context);
		readers->connected = false;
	}
}

/* All readers with their state. SCARD_E_NO_READERS_AVAILABLE is an answer, too. */
static bool read_states(struct readers *readers, SCARD_READERSTATE states[PCSCLITE_MAX_READERS_CONTEXTS], char names[NAMES_MAX_BYTES])
{
	DWORD length = NAMES_MAX_BYTES, count = 0;
	LONG rv = SCardListReaders(readers->context, NULL, names, &length);

	readers->count = 0;
	if (rv != SCARD_S_SUCCESS) {
		return rv == SCARD_E_NO_READERS_AVAILABLE;
	}
	for (const char *name = names; *name != '\0' && count < PCSCLITE_MAX_READERS_CONTEXTS; name += strlen(name) + 1) {
		states[count++] = (SCARD_READERSTATE){ .szReader = name, .dwCurrentState = SCARD_STATE_UNAWARE };
	}
	if (count > 0) {
		rv = SCardGetStatusChange(readers->context, 0, states, count);
	}
	/* A reader may go between the two questions: the next look tells. */
	readers->count = rv == SCARD_S_SUCCESS ? count : 0;
	return rv == SCARD_S_SUCCESS || rv == SCARD_E_TIMEOUT || rv == SCARD_E_UNKNOWN_READER;
}

bool readers_look(struct readers *readers)
{
	SCARD_READERSTATE states[PCSCLITE_MAX_READERS_CONTEXTS];
	char names[NAMES_MAX_BYTES];
	uint64_t before = readers->seen, digest = FNV_START;

	readers->cards = 0;
	if (!readers->connected) {
		readers->connected = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &readers->context) == SCARD_S_SUCCESS;
	}
	if (!readers->connected || !read_states(readers, states, names)) {
		readers_close(readers);
		readers->seen = NOBODY;
		return before != NOBODY;
	}
	for (size_t i = 0; i < readers->count; i++) {
		DWORD shown = states[i].dwEventState & SHOWN, events = states[i].dwEventState >> COUNTER_SHIFT;

		digest = mix(digest, states[i].szReader, strlen(states[i].szReader) + 1);
		digest = mix(digest, &shown, sizeof shown);
		digest = mix(digest, &events, sizeof events);
		readers->cards += (shown & SCARD_STATE_PRESENT) != 0;
	}
	readers->seen = digest;
	return digest != before;
}
