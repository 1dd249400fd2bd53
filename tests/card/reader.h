/* reader.h - readers of pcscd that can be unplugged: a driver (reader.c) in front of that of vpcd, and the part of libudev that pcscd asks for USB
 * devices (udev.c). Both are in one library, which pcscd gets by LD_PRELOAD and again as its driver.
 *
 * PODATELNA_PLUGS names a folder: the file `readerN` in it is reader N, plugged in; N counts from 0 to READERS - 1. Card N of vpcd is in reader N.
 */
#ifndef CARD_READER_H
#define CARD_READER_H

#include <stdbool.h>

#include <PCSC/ifdhandler.h>

#define READERS 2 /* as many cards as vpcd holds */
#define READER_NODE "/dev/podatelna/reader"
#define READER_PATH_BYTES 4096

/* Is this reader plugged in? */
bool reader_is_plugged(unsigned number);

/* pad.c: what the PIN pad of a reader is asked by IFDHControl. False: not for a pad, or there is none. */
bool reader_pad(DWORD lun, unsigned number, DWORD code, const UCHAR *data, DWORD length, PUCHAR answer, DWORD room, LPDWORD answer_length, RESPONSECODE *ret);

#endif
