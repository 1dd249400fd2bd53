/* podatelna-partner: knows the partners, touches neither network nor disk (design 2). Started by podatelnad only. */
#include "zygote.h"

int main(void)
{
	return zygote_main(job_kinds);
}
