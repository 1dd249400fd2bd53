/* A driver for pcscd: the virtual reader vpcd behind a plug. While the file that PODATELNA_UNPLUGGED names is there, the reader is not: it cannot be
 * opened, and one that is open answers nothing any more. pcscd looks again when it gets SIGUSR1 (`pcscd --hotplug`).
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <PCSC/ifdhandler.h>

static void *driver(const char *name)
{
	static void *library;

	if (library == NULL) {
		library = dlopen(READER_DRIVER, RTLD_NOW | RTLD_LOCAL);
	}
	return library == NULL ? NULL : dlsym(library, name);
}

static int is_unplugged(void)
{
	const char *path = getenv("PODATELNA_UNPLUGGED");

	return path != NULL && access(path, F_OK) == 0;
}

/* Calls the function of the same name in the driver of vpcd. ISO C has no cast from object to function pointer; POSIX says that the bits are the same. */
#define PASS_ON(types, ...)                                                                                                                                    \
	RESPONSECODE(*function) types = NULL;                                                                                                                  \
	*(void **)&function = driver(__func__);                                                                                                                \
	if (function == NULL || is_unplugged()) {                                                                                                              \
		return IFD_COMMUNICATION_ERROR;                                                                                                                \
	}                                                                                                                                                      \
	return function(__VA_ARGS__)

RESPONSECODE IFDHCreateChannel(DWORD reader, DWORD channel)
{
	PASS_ON((DWORD, DWORD), reader, channel);
}

RESPONSECODE IFDHCreateChannelByName(DWORD reader, LPSTR device)
{
	PASS_ON((DWORD, LPSTR), reader, device);
}

/* A reader that went away is closed all the same. */
RESPONSECODE IFDHCloseChannel(DWORD reader)
{
	RESPONSECODE (*function)(DWORD) = NULL;

	*(void **)&function = driver(__func__);
	return function == NULL ? IFD_COMMUNICATION_ERROR : function(reader);
}

RESPONSECODE IFDHGetCapabilities(DWORD reader, DWORD tag, PDWORD length, PUCHAR value)
{
	PASS_ON((DWORD, DWORD, PDWORD, PUCHAR), reader, tag, length, value);
}

RESPONSECODE IFDHSetCapabilities(DWORD reader, DWORD tag, DWORD length, PUCHAR value)
{
	PASS_ON((DWORD, DWORD, DWORD, PUCHAR), reader, tag, length, value);
}

RESPONSECODE IFDHSetProtocolParameters(DWORD reader, DWORD protocol, UCHAR flags, UCHAR pts1, UCHAR pts2, UCHAR pts3)
{
	PASS_ON((DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR), reader, protocol, flags, pts1, pts2, pts3);
}

RESPONSECODE IFDHPowerICC(DWORD reader, DWORD action, PUCHAR atr, PDWORD length)
{
	PASS_ON((DWORD, DWORD, PUCHAR, PDWORD), reader, action, atr, length);
}

RESPONSECODE IFDHTransmitToICC(DWORD reader, SCARD_IO_HEADER send, PUCHAR data, DWORD length, PUCHAR answer, PDWORD answer_length, PSCARD_IO_HEADER receive)
{
	PASS_ON((DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR, PDWORD, PSCARD_IO_HEADER), reader, send, data, length, answer, answer_length, receive);
}

RESPONSECODE IFDHICCPresence(DWORD reader)
{
	PASS_ON((DWORD), reader);
}

RESPONSECODE IFDHControl(DWORD reader, DWORD code, PUCHAR data, DWORD length, PUCHAR answer, DWORD room, LPDWORD answer_length)
{
	PASS_ON((DWORD, DWORD, PUCHAR, DWORD, PUCHAR, DWORD, LPDWORD), reader, code, data, length, answer, room, answer_length);
}
