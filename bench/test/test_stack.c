// SPDX-License-Identifier: Apache-2.0
/*
 * Stacks and VMMs: the registries against rows.h, and every command line against golden/argv, one
 * argument per line. VQ_GOLDEN_UPDATE=1 rewrites those files.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "stack/stack.h"
#include "stack/words.h"

#define ROWS   "bench/stack/rows.h"
#define GOLDEN "bench/test/golden/argv"

static const struct stack_paths paths = { .roots = "/W/roots",
					  .image = "/W/image",
					  .own = "/W/own" };

/* Golden files that were compared: those that nobody asked for are stale. */
static unsigned compared;

static bool updating(void)
{
	return getenv("VQ_GOLDEN_UPDATE") != NULL;
}

/* Compare an argument list with its golden file. Takes @v's content. */
static void assert_golden(const char *name, struct strv *v)
{
	struct buf text = { 0 };
	struct buf want = { 0 };
	struct err err = { 0 };
	char path[256];

	(void)snprintf(path, sizeof(path), GOLDEN "/%s.txt", name);
	for (size_t i = 0; i < v->count; i++) {
		assert_null(strchr(v->item[i], '\n'));
		assert_int_equal(buf_printf(&text, "%s\n", v->item[i]), 0);
	}
	strv_free(v);
	if (updating())
		assert_int_equal(fs_write_atomic(path, buf_text(&text), text.size, &err), 0);
	if (fs_read(path, MIB, &want, &err) < 0)
		fail_msg("%s (VQ_GOLDEN_UPDATE=1 writes it)", err.text);
	if (strcmp(buf_text(&text), buf_text(&want)) != 0)
		fail_msg("%s differs; now it is:\n%s", path, buf_text(&text));
	compared++;
	buf_free(&text);
	buf_free(&want);
}

/*
 * Count the rows `extern const struct <type> <type>_<id>;` of rows.h and call @has for each id
 * (with '-' for '_').
 */
static size_t scan_rows(const char *type, bool (*has)(const char *id))
{
	struct buf text = { 0 };
	struct err err = { 0 };
	char start[64];
	size_t count = 0;

	(void)snprintf(start, sizeof(start), "extern const struct %s %s_", type, type);
	assert_int_equal(fs_read(ROWS, MIB, &text, &err), 0);
	for (const char *p = buf_text(&text); (p = strstr(p, start)) != NULL; count++) {
		char id[64];
		size_t n;

		p += strlen(start);
		n = strcspn(p, ";");
		assert_true(n < sizeof(id));
		for (size_t i = 0; i < n; i++)
			id[i] = p[i] == '_' ? '-' : p[i];
		id[n] = '\0';
		if (!has(id))
			fail_msg("%s declares %s, which is not listed", ROWS, id);
	}
	buf_free(&text);
	return count;
}

static bool has_stack(const char *id)
{
	return stack_find(id) != NULL;
}

static bool has_vmm(const char *id)
{
	return vmm_find(id) != NULL;
}

static void assert_text(const char *id, const char *what, const char *text)
{
	if (!text || !text[0])
		fail_msg("%s has no %s", id, what);
}

static void assert_id(const char *id)
{
	assert_text("a row", "id", id);
	assert_int_equal(strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789-"), strlen(id));
}

/* Goal: no stack is forgotten or half described. Method: rows.h against the registry. */
static void stacks_are_listed(void **state)
{
	size_t n;
	const struct stack *const *s = stack_list(&n);

	(void)state;
	assert_int_equal(scan_rows("stack", has_stack), n);
	for (size_t i = 0; i < n; i++) {
		assert_id(s[i]->id);
		assert_ptr_equal(stack_find(s[i]->id), s[i]);
		assert_text(s[i]->id, "title", s[i]->title);
		assert_text(s[i]->id, "source", s[i]->source);
		assert_text(s[i]->id, "direct_io", s[i]->direct_io);
		assert_true(s[i]->option_count <= STACK_OPTIONS_MAX);
		for (size_t j = 0; j < s[i]->option_count; j++) {
			assert_id(s[i]->options[j].id);
			assert_text(s[i]->id, "title of an option", s[i]->options[j].title);
		}
		assert_int_equal(stack_has_cache(s[i]), s[i]->cache_mask != 0);
		if (s[i]->kind != STACK_VIRTIOFS) {
			assert_null(s[i]->program);
			assert_null(s[i]->args);
			assert_int_equal(stack_is_guest(s[i]), s[i]->set_up != NULL);
			continue;
		}
		assert_true(s[i]->own == !s[i]->root);
		assert_true(!s[i]->window || s[i]->generic_device);
		assert_text(s[i]->id, "program", s[i]->program);
		assert_int_equal(s[i]->program[0], '/');
		assert_non_null(s[i]->probe);
		assert_non_null(s[i]->probe[0]);
		assert_non_null(s[i]->args);
		assert_true(s[i]->cache_mask != 0);
		assert_int_equal(s[i]->cache_mask & ~((1U << CACHE_COUNT) - 2), 0);
	}
	assert_null(stack_find("nosuch"));
	assert_null(stack_find(""));
}

/* Goal: the same for VMMs and kernels. Method: rows.h, and the list of kernels itself. */
static void vmms_and_kernels_are_listed(void **state)
{
	size_t n;
	const struct vmm *const *v = vmm_list(&n);
	const struct kernel *k;

	(void)state;
	assert_int_equal(scan_rows("vmm", has_vmm), n);
	for (size_t i = 0; i < n; i++) {
		assert_id(v[i]->id);
		assert_ptr_equal(vmm_find(v[i]->id), v[i]);
		assert_text(v[i]->id, "title", v[i]->title);
		assert_text(v[i]->id, "root", v[i]->root);
		assert_text(v[i]->id, "program", v[i]->program);
		assert_text(v[i]->id, "cpu_tcg", v[i]->cpu_tcg);
		assert_text(v[i]->id, "cpu_kvm", v[i]->cpu_kvm);
		assert_text(v[i]->id, "device", v[i]->device);
		assert_text(v[i]->id, "source", v[i]->source);
	}
	assert_null(vmm_find("nosuch"));
	k = kernel_list(&n);
	assert_true(n >= 2);
	for (size_t i = 0; i < n; i++) {
		assert_id(k[i].id);
		assert_ptr_equal(kernel_find(k[i].id), &k[i]);
		assert_text(k[i].id, "title", k[i].title);
		assert_text(k[i].id, "source", k[i].source);
	}
	assert_non_null(kernel_find("user"));
	assert_null(kernel_find("nosuch"));
}

/* Goal: words and modes are one to one, and the cache modes that keep data are known. Method: all. */
static void mode_words(void **state)
{
	(void)state;
	for (unsigned m = CACHE_NONE; m < CACHE_COUNT; m++) {
		enum cache_mode back = CACHE_UNSET;

		assert_non_null(cache_name((enum cache_mode)m));
		assert_int_equal(cache_parse(cache_name((enum cache_mode)m), &back), 0);
		assert_int_equal(back, m);
		assert_int_equal(cache_keeps((enum cache_mode)m),
				 m == CACHE_MMAP ? KEEPS_MAYBE
				 : m == CACHE_AUTO || m == CACHE_ALWAYS || m == CACHE_LOOSE
					 ? KEEPS_DATA
					 : KEEPS_NOTHING);
	}
	for (unsigned m = DAX_NONE; m < DAX_COUNT; m++) {
		enum dax_mode back = DAX_UNSET;

		assert_int_equal(dax_parse(dax_name((enum dax_mode)m), &back), 0);
		assert_int_equal(back, m);
	}
	assert_null(cache_name(CACHE_UNSET));
	assert_int_equal(cache_keeps(CACHE_UNSET), KEEPS_DATA);
	assert_null(dax_name(DAX_UNSET));
	assert_int_equal(cache_parse("", &(enum cache_mode){ 0 }), -EINVAL);
	assert_int_equal(cache_parse("aut", &(enum cache_mode){ 0 }), -EINVAL);
	assert_int_equal(dax_parse("auto", &(enum dax_mode){ 0 }), -EINVAL);
}

/* Goal: every daemon's command line is pinned. Method: each stack x cache mode x writeback. */
static void daemon_command_lines(void **state)
{
	size_t n;
	const struct stack *const *s = stack_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct strv v = { 0 };
		char name[128];

		if (s[i]->kind != STACK_VIRTIOFS)
			continue;
		for (unsigned m = CACHE_NONE; m < CACHE_COUNT; m++) {
			struct daemon_config c = { .share = "/W/share/a b",
						   .listen_fd = 7,
						   .tag = "vq",
						   .counters = "/W/counters",
						   .cache = (enum cache_mode)m,
						   .nofile = 65536 };

			if (!(s[i]->cache_mask & 1U << m))
				continue;
			for (unsigned wb = 0; wb < 2; wb++) {
				c.writeback = wb;
				assert_int_equal(stack_daemon_argv(s[i], &paths, &c, &v), 0);
				(void)snprintf(name, sizeof(name), "%s.%s.%s", s[i]->id,
					       cache_name(c.cache), wb ? "wb" : "nowb");
				assert_golden(name, &v);
			}
		}
		for (unsigned m = DAX_NEVER; s[i]->window && m < DAX_COUNT; m++) {
			const struct daemon_config c = { .share = "/W/share",
							 .listen_fd = 7,
							 .tag = "vq",
							 .counters = "/W/counters",
							 .cache = CACHE_AUTO,
							 .dax = (enum dax_mode)m,
							 .window_bytes = 64 * MIB,
							 .nofile = 65536 };

			assert_int_equal(stack_daemon_argv(s[i], &paths, &c, &v), 0);
			(void)snprintf(name, sizeof(name), "%s.dax-%s", s[i]->id, dax_name(c.dax));
			assert_golden(name, &v);
		}
		for (size_t o = 0; o < s[i]->option_count; o++) {
			const struct daemon_config c = { .share = "/W/share",
							 .listen_fd = 7,
							 .tag = "vq",
							 .counters = "/W/counters",
							 .cache = CACHE_AUTO,
							 .options = 1U << o,
							 .nofile = 65536 };

			assert_int_equal(stack_daemon_argv(s[i], &paths, &c, &v), 0);
			(void)snprintf(name, sizeof(name), "%s+%s", s[i]->id, s[i]->options[o].id);
			assert_golden(name, &v);
		}
		assert_int_equal(stack_probe_argv(s[i], &paths, &v), 0);
		(void)snprintf(name, sizeof(name), "%s.version", s[i]->id);
		assert_golden(name, &v);
	}
}

/* Goal: every VMM's command line is pinned. Method: tcg, kvm, probe, restored guest, version. */
static void vmm_command_lines(void **state)
{
	static const struct {
		const char *name;
		struct vmm_config c;
	} forms[] = {
		{ "tcg", { .accelerator = "tcg" } },
		{ "kvm", { .accelerator = "kvm", .sandbox = true } },
		{ "cpu", { .accelerator = "tcg", .cpu_model = "max" } },
		{ "probe", { .accelerator = "kvm", .probe_only = true, .sandbox = true } },
		{ "incoming", { .accelerator = "tcg", .incoming = true } },
	};
	size_t n;
	const struct vmm *const *vmm = vmm_list(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		struct strv v = { 0 };
		char name[128];

		for (size_t j = 0; j < ARRAY_SIZE(forms); j++) {
			struct vmm_config c = forms[j].c;

			c.vcpus = 2;
			c.memory_mib = 768;
			c.kernel = "/W/image/vmlinux";
			c.initramfs = "/W/image/initramfs";
			c.root_image = "/W/image/root.erofs";
			c.cmdline = "console=ttyS0 quiet";
			c.qmp_fd = 9;
			c.agent_socket = "/W/sockets/agent";
			c.share_9p = "/W/9p";
			assert_int_equal(vmm_argv(vmm[i], &paths, &c, &v), 0);
			(void)snprintf(name, sizeof(name), "%s.%s", vmm[i]->id, forms[j].name);
			assert_golden(name, &v);
		}
		assert_int_equal(vmm_env(vmm[i], &paths, &v), 0);
		(void)snprintf(name, sizeof(name), "%s.env", vmm[i]->id);
		assert_golden(name, &v);
		assert_int_equal(vmm_probe_argv(vmm[i], &paths, &v), 0);
		(void)snprintf(name, sizeof(name), "%s.version", vmm[i]->id);
		assert_golden(name, &v);
	}
}

/* Goal: a variant is one to one with its word, and only what a stack has is taken. Method: words. */
static void variant_words(void **state)
{
	static const char *const bad[] = {
		"", "pool", "pool4+", "pool4+pool4", "+pool4", "pool4 "
	};
	const struct stack *s = stack_find("rust-trixie");
	struct err err = { 0 };
	unsigned options = 77;
	char text[64];

	(void)state;
	assert_int_equal(stack_variant_parse(s, "mmap+pool4", &options, &err), 0);
	assert_string_equal(stack_variant(s, options, text, sizeof(text)), "pool4+mmap");
	assert_int_equal(stack_variant_parse(s, "default", &options, &err), 0);
	assert_int_equal(options, 0);
	assert_string_equal(stack_variant(s, options, text, sizeof(text)), "");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(stack_variant_parse(s, bad[i], &options, &err), -EINVAL);
		assert_non_null(strstr(err.text, "it has default, pool4, direct-io, mmap, xattr"));
	}
	assert_int_equal(stack_variant_parse(stack_find("local"), "pool4", &options, &err),
			 -EINVAL);
}

/* Goal: what the guest's mount is given. Method: 9p with and without an option, virtio-fs, blk. */
static void mount_options_of_stacks(void **state)
{
	char text[128];

	(void)state;
	assert_int_equal(stack_mount_options(stack_find("9p"), CACHE_LOOSE, 0, text, sizeof(text)),
			 0);
	assert_string_equal(text, "trans=virtio,version=9p2000.L,cache=loose");
	assert_int_equal(stack_mount_options(stack_find("9p"), CACHE_NONE, 1, text, sizeof(text)),
			 0);
	assert_string_equal(text, "trans=virtio,version=9p2000.L,cache=none,msize=1048576");
	assert_int_equal(stack_mount_options(stack_find("9p"), CACHE_NONE, 1, text, 20),
			 -ENAMETOOLONG);
	assert_int_equal(stack_mount_options(stack_find("blk"), CACHE_UNSET, 0, text, sizeof(text)),
			 0);
	assert_string_equal(text, "");
	assert_int_equal(
		stack_mount_options(stack_find("rust-sid"), CACHE_AUTO, 7, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

/* Goal: {names} are replaced, and a name that is not known is an error that lists the known ones. */
static void words_are_filled(void **state)
{
	static const struct word_value values[] = { { "a", "1" }, { "bc", "{a}" }, { "no", NULL } };
	static const char *const good[] = { "{a}", "x{bc}y{a}", "", "}", NULL };
	static const char *const bad[] = { "{b}", "{", "{a", "{}", "x{no}" };
	struct strv v = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(words_add(&v, good, values, ARRAY_SIZE(values), &err), 0);
	assert_int_equal(v.count, 4);
	assert_string_equal(v.item[0], "1");
	assert_string_equal(v.item[1], "x{a}y1");
	assert_string_equal(v.item[2], "");
	assert_string_equal(v.item[3], "}");
	strv_free(&v);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *word = NULL;

		assert_int_equal(word_fill(bad[i], values, ARRAY_SIZE(values), &word, &err),
				 -EINVAL);
		assert_non_null(strstr(err.text, bad[i]));
	}
	assert_int_equal(word_fill("{b}", values, ARRAY_SIZE(values), &(char *){ NULL }, &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "known are {a}, {bc}, {no}"));
}

/* Goal: no golden file outlives its row. Method: as many files as comparisons (the tests before). */
static void no_stale_golden_files(void **state)
{
	DIR *dir = opendir(GOLDEN);
	unsigned files = 0;
	struct dirent *d;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		files += d->d_name[0] != '.';
	(void)closedir(dir);
	assert_int_equal(files, compared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stacks_are_listed),
		cmocka_unit_test(vmms_and_kernels_are_listed),
		cmocka_unit_test(mode_words),
		cmocka_unit_test(daemon_command_lines),
		cmocka_unit_test(variant_words),
		cmocka_unit_test(mount_options_of_stacks),
		cmocka_unit_test(words_are_filled),
		cmocka_unit_test(vmm_command_lines),
		cmocka_unit_test(no_stale_golden_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL) ? 1 : 0;
}
