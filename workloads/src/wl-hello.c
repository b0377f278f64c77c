// SPDX-License-Identifier: Apache-2.0
/* wl-hello - what wl-start starts: prints the first line of the file "PROGRAM.conf" beside itself. */
#include <stdio.h>

int main(int argc, char **argv)
{
	char path[4096];
	char line[256];
	FILE *f;

	if (argc < 1 || (size_t)snprintf(path, sizeof(path), "%s.conf", argv[0]) >= sizeof(path))
		return 2;
	f = fopen(path, "re");
	if (!f || !fgets(line, sizeof(line), f)) {
		perror(path);
		return 1;
	}
	(void)fclose(f);
	return fputs(line, stdout) >= 0 && fflush(stdout) == 0 ? 0 : 1;
}
