/* podatelna - the operator's command line; see cli.h. */
#include "cli.h"

int main(int count, char **words)
{
	return cli_main(count, words, stdout, stderr);
}
