/* The PIN pad of a reader (PC/SC part 10): the file `padN` beside its plug is the pad, and who writes `typedN` types: digits, or "cancel". */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <PCSC/reader.h>

#define PATIENCE_MS 30000
#define LOOK_MS 20
#define HEAD_BYTES 5 /* of VERIFY, before the PIN */
#define PIN_BYTES 8
#define COMMAND_BYTES (HEAD_BYTES + PIN_BYTES)

static bool path_of(char path[READER_PATH_BYTES], const char *what, unsigned number)
{
	const char *plugs = getenv("PODATELNA_PLUGS");

	return plugs != NULL && snprintf(path, READER_PATH_BYTES, "%s/%s%u", plugs, what, number) < READER_PATH_BYTES;
}

static bool has_pad(unsigned number)
{
	char path[READER_PATH_BYTES];

	return path_of(path, "pad", number) && access(path, F_OK) == 0;
}

/* What a person types, taken away as it is read. False: nobody typed in time. */
static bool read_typed(unsigned number, char *ret, int size)
{
	char path[READER_PATH_BYTES];

	if (!path_of(path, "typed", number)) {
		return false;
	}
	for (int waited = 0; waited < PATIENCE_MS && reader_is_plugged(number); waited += LOOK_MS) {
		FILE *file = fopen(path, "r");

		if (file != NULL) {
			bool read = fgets(ret, size, file) != NULL;

			(void)fclose(file);
			(void)unlink(path);
			ret[strcspn(ret, "\n")] = '\0';
			return read;
		}
		(void)nanosleep(&(struct timespec){ .tv_nsec = LOOK_MS * 1000000L }, NULL);
	}
	return false;
}

static RESPONSECODE say(unsigned status, PUCHAR answer, LPDWORD answer_length)
{
	answer[0] = (UCHAR)(status >> 8);
	answer[1] = (UCHAR)status;
	*answer_length = 2;
	return IFD_SUCCESS;
}

static RESPONSECODE verify(DWORD lun, unsigned number, const UCHAR *data, DWORD length, PUCHAR answer, LPDWORD answer_length)
{
	PIN_VERIFY_STRUCTURE wanted;
	SCARD_IO_HEADER header = { .Protocol = 1 }, received = { 0 };
	UCHAR command[COMMAND_BYTES];
	char typed[32] = "";

	if (length < sizeof wanted + sizeof command) {
		return IFD_COMMUNICATION_ERROR;
	}
	memcpy(command, data + sizeof wanted, sizeof command);
	if (!read_typed(number, typed, sizeof typed)) {
		return say(0x6400, answer, answer_length);
	}
	if (strcmp(typed, "cancel") == 0 || strlen(typed) > PIN_BYTES) {
		return say(0x6401, answer, answer_length);
	}
	memcpy(command + HEAD_BYTES, typed, strlen(typed));
	return IFDHTransmitToICC(lun, header, command, sizeof command, answer, answer_length, &received);
}

bool reader_pad(DWORD lun, unsigned number, DWORD code, const UCHAR *data, DWORD length, PUCHAR answer, DWORD room, LPDWORD answer_length, RESPONSECODE *ret)
{
	static const UCHAR features[] = { FEATURE_VERIFY_PIN_DIRECT, 4, 0x42, 0x33, 0x00, 0x06 };

	if (!has_pad(number) || !reader_is_plugged(number)) {
		return false;
	}
	if (code == CM_IOCTL_GET_FEATURE_REQUEST && room >= sizeof features) {
		memcpy(answer, features, sizeof features);
		*answer_length = sizeof features;
		*ret = IFD_SUCCESS;
		return true;
	}
	if (code != 0x42330006 || room < 2) {
		return false;
	}
	*answer_length = room;
	*ret = verify(lun, number, data, length, answer, answer_length);
	return true;
}
