/* A driver for pcscd: one slot of the virtual reader vpcd for each reader. One that is unplugged cannot be opened, and answers nothing any more. */
#include "reader.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <PCSC/ifdhandler.h>

#define SLOT_BITS 16 /* pcscd's Lun: the reader, and its slot */

static void *driver(const char *name)
{
	static void *library;

	/* Its functions call one another: not ours, which have the same names and are everybody's (LD_PRELOAD). */
	if (library == NULL) {
		library = dlopen(READER_DRIVER, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	}
	return library == NULL ? NULL : dlsym(library, name);
}

bool reader_is_plugged(unsigned number)
{
	char path[READER_PATH_BYTES];
	const char *plugs = getenv("PODATELNA_PLUGS");

	return plugs != NULL && snprintf(path, sizeof path, "%s/reader%u", plugs, number) < (int)sizeof path && access(path, F_OK) == 0;
}

/* pcscd numbers its readers as they come; which of ours each is says the name it was opened by. */
static unsigned readers[PCSCLITE_MAX_READERS_CONTEXTS];

static unsigned reader_of(DWORD lun)
{
	return readers[(lun >> SLOT_BITS) % PCSCLITE_MAX_READERS_CONTEXTS];
}

/* Calls the function of the same name in the driver of vpcd. ISO C has no cast from object to function pointer; POSIX says that the bits are the same. */
#define PASS_ON(types, ...)                                                                                                                                    \
	RESPONSECODE(*function) types = NULL;                                                                                                                  \
	*(void **)&function = driver(__func__);                                                                                                                \
	if (function == NULL) {                                                                                                                                \
		return IFD_COMMUNICATION_ERROR;                                                                                                                \
	}                                                                                                                                                      \
	if (!reader_is_plugged(reader_of(lun))) {                                                                                                              \
		return IFD_NO_SUCH_DEVICE;                                                                                                                     \
	}                                                                                                                                                      \
	return function(__VA_ARGS__)

RESPONSECODE IFDHCreateChannelByName(DWORD lun, LPSTR device)
{
	static char vpcd[] = "/dev/null:0x8C7B";
	const char *node = strstr(device, READER_NODE);
	unsigned number = node == NULL ? READERS : (unsigned)strtoul(node + strlen(READER_NODE), NULL, 10);

	if (number >= READERS) {
		return IFD_COMMUNICATION_ERROR;
	}
	readers[(lun >> SLOT_BITS) % PCSCLITE_MAX_READERS_CONTEXTS] = number;
	PASS_ON((DWORD, LPSTR), number, vpcd);
}

/* The way of old drivers, which pcscd takes when it has no name. */
RESPONSECODE IFDHCreateChannel(DWORD lun, DWORD channel)
{
	(void)lun;
	(void)channel;
	return IFD_COMMUNICATION_ERROR;
}

/* A reader that went away is closed all the same. */
RESPONSECODE IFDHCloseChannel(DWORD lun)
{
	RESPONSECODE (*function)(DWORD) = NULL;

	*(void **)&function = driver(__func__);
	return function == NULL ? IFD_COMMUNICATION_ERROR : function(reader_of(lun));
}

RESPONSECODE IFDHGetCapabilities(DWORD lun, DWORD tag, PDWORD length, PUCHAR value)
{
	/* vpcd keeps its slots apart, so that our readers can work at the same time. */
	if (tag == TAG_IFD_SLOTS_NUMBER || tag == TAG_IFD_SIMULTANEOUS_ACCESS || tag == TAG_IFD_THREAD_SAFE) {
		*length = 1;
		value[0] = tag == TAG_IFD_SIMULTANEOUS_ACCESS ? READERS : 1;
		return IFD_SUCCESS;
	}
	PASS_ON((DWORD, DWORD, PDWORD, PUCHAR), reader_of(lun), tag, length, value);
}

RESPONSECODE IFDHSetCapabilities(DWORD lun, DWORD tag, DWORD length, PUCHAR value)
{
	PASS_ON((DWORD, DWORD, DWORD, PUCHAR), reader_of(lun), tag, length, value);
}

RESPONSECODE IFDHSetProtocolParameters(DWORD lun, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3)
{
	PASS_ON((DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR), reader_of(lun), protocol, flags, pts1, pts2, pts3);
}

RESPONSECODE IFDHPowerICC(DWORD lun, DWORD action, PUCHAR atr, PDWORD length)
{
	PASS_ON((DWORD, DWORD, PUCHAR, PDWORD), reader_of(lun), action, atr, length);
}

RESPONSECODE IFDHTransmitToICC(DWORD lun, SCARD_IO_HEADER send, PUCHAR data, DWORD length, PUCHAR answer, PDWORD answer_length, PSCARD_IO_HEADER receive)
{
	PASS_ON((DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER), reader_of(lun), send, data, length, answer, answer_length, receive);
}

RESPONSECODE IFDHICCPresence(DWORD lun)
{
	PASS_ON((DWORD), reader_of(lun));
}

RESPONSECODE IFDHControl(DWORD lun, DWORD code, PUCHAR data, DWORD length, PUCHAR answer, DWORD room, LPDWORD answer_length)
{
	RESPONSECODE result = IFD_COMMUNICATION_ERROR;

	if (reader_pad(lun, reader_of(lun), code, data, length, answer, room, answer_length, &result)) {
		return result;
	}
	PASS_ON((DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD), reader_of(lun), code, data, length, answer, room, answer_length);
}
