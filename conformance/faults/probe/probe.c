// SPDX-License-Identifier: Apache-2.0
#include "conformance/faults/probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void say(long result)
{
	if (result < 0)
		(void)printf("%s ", strerrorname_np(errno));
	else
		(void)printf("%ld ", result);
}

void say_content(const char *path)
{
	FILE *f = fopen(path, "re");
	int c;

	while (f && (c = fgetc(f)) != EOF)
		(void)putchar(c ? c : '.');
	(void)putchar(' ');
	if (f)
		(void)fclose(f);
}

void say_size(const char *path)
{
	FILE *f = fopen(path, "re");

	if (f && fseek(f, 0, SEEK_END) == 0)
		(void)printf("size=%ld ", ftell(f));
	if (f)
		(void)fclose(f);
}

int make(const char *path, const char *text)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	return fd;
}

bool is(const char *variant, const char *name)
{
	return strcmp(variant, name) == 0;
}

static bool run(const struct scenario *list, size_t count, const char *name, const char *variant)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0) {
			list[i].run(variant);
			(void)putchar('\n');
			return true;
		}
	return false;
}

/* probe SCENARIO [VARIANT] */
int main(int argc, char **argv)
{
	const char *variant = argc > 2 ? argv[2] : "";

	(void)umask(0);
	if (argc > 1 && (run(file_scenarios, file_scenario_count, argv[1], variant) ||
			 run(name_scenarios, name_scenario_count, argv[1], variant) ||
			 run(process_scenarios, process_scenario_count, argv[1], variant)))
		return 0;
	(void)fputs("probe: there is no such scenario\n", stderr);
	return 2;
}
