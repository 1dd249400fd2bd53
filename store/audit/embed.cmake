# The bytes of a file as a C array: cmake -DFROM=FILE -DTO=FILE.c -DHEADER=... -DBYTES=name -DLENGTH=name -P embed.cmake
file(READ ${FROM} hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(CONFIGURE OUTPUT ${TO} @ONLY CONTENT [[
#include "@HEADER@"

const unsigned char @BYTES@[] = { @bytes@ };
const size_t @LENGTH@ = sizeof @BYTES@;
]])
