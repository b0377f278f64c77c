// SPDX-License-Identifier: Apache-2.0
/*
 * Rows from conf files: what they change, what they add, every mistake with file and line, and the
 * command lines of the shipped examples against golden/conf (VQ_GOLDEN_UPDATE=1 rewrites them).
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
#include "run/describe.h"
#include "stack/conf_rows.h"
#include "stack/stack.h"
#include "stack/words.h"

#define EXAMPLES "bench/stacks"
#define GOLDEN	 "bench/test/golden/conf"
#define FOLDER	 "/tmp/vq-test-stack-conf"

static const struct stack_paths paths = { .roots = "/W/roots",
					  .image = "/W/image",
					  .conf = "/W/conf" };

static struct err err;

static int load(const char *text)
{
	err = (struct err){ 0 };
	assert_int_equal(fs_mkdirs(FOLDER, 0755, &err), 0);
	assert_int_equal(fs_write_atomic(FOLDER "/t.conf", text, strlen(text), &err), 0);
	return stack_conf_load(FOLDER "/t.conf", NULL, &err);
}

static int forget(void **state)
{
	(void)state;
	stack_conf_free();
	return fs_remove_tree(FOLDER, NULL);
}

static void must_load(const char *text)
{
	if (load(text) < 0)
		fail_msg("%s", err.text);
}

/* Goal: an override changes what it names and nothing else. Method: compare with the built-in row. */
static void override_keeps_the_rest(void **state)
{
	const struct stack was = *stack_find("rust-trixie");
	const struct stack *s;
	size_t count;
	size_t now;

	(void)state;
	(void)stack_list(&count);
	must_load("stack \"rust-trixie\" { title = \"mine\"\n"
		  "  option \"pool4\" { with = {\"--thread-pool-size=2\"} }\n"
		  "  option \"quiet\" { with = {\"--log-level=off\"} } }\n");
	s = stack_find("rust-trixie");
	(void)stack_list(&now);
	assert_int_equal(now, count);
	assert_string_equal(s->title, "mine");
	assert_string_equal(s->conf, "t.conf");
	assert_ptr_equal(s->args, was.args);
	assert_string_equal(s->program, was.program);
	assert_string_equal(s->root, was.root);
	assert_int_equal(s->cache_mask, was.cache_mask);
	assert_int_equal(s->option_count, was.option_count + 1);
	assert_string_equal(s->options[0].with[0], "--thread-pool-size=2");
	assert_ptr_equal(s->options[0].without, was.options[0].without);
	assert_string_equal(s->options[was.option_count].id, "quiet");
	stack_conf_free();
	assert_string_equal(stack_find("rust-trixie")->title, was.title);
	assert_null(stack_find("rust-trixie")->conf);
	assert_string_equal(was.options[0].with[0], "--thread-pool-size=4");
}

/* Goal: new rows come behind the built-in ones, and a base may be of the same file. */
static void new_rows(void **state)
{
	const struct stack *s;
	const struct stack *const *all;
	size_t count;

	(void)state;
	must_load(
		"stack \"a\" { title = \"A\" program = \"/opt/a/daemon\"\n"
		"  args = {\"--socket={socket}\", \"{share}\", \"{{json}:{tag}\"} caches = {\"auto\", \"none\"} }\n"
		"stack \"b\" { base = \"a\" title = \"B\" caches = {\"always\"} }\n"
		"kernel \"k\" { base = \"trixie\" cmdline = {\"nokaslr\"} }\n"
		"kernel \"own\" { vmlinux = \"/boot/vmlinux\" title = \"own\" }\n");
	all = stack_list(&count);
	assert_string_equal(all[count - 1]->id, "b");
	assert_string_equal(all[count - 2]->id, "a");
	s = stack_find("b");
	assert_int_equal(s->cache_mask, 1U << CACHE_ALWAYS);
	assert_string_equal(s->host_program, "/opt/a/daemon");
	assert_true(stack_makes_socket(s));
	assert_false(stack_makes_socket(stack_find("rust-sid")));
	assert_string_equal(kernel_files(kernel_find("k")), "trixie");
	assert_false(kernel_is_made(kernel_find("k")));
	assert_true(kernel_is_made(kernel_find("own")));
	assert_string_equal(kernel_find("own")->file, "/boot/vmlinux");
}

/* Goal: words arrive as they were meant. Method: braces, quotes, comments and spaces. */
static void words_arrive(void **state)
{
	const struct daemon_config c = { .share = "/s", .socket = "/sock", .tag = "vq" };
	struct strv v = { 0 };

	(void)state;
	must_load("# comment { with \"marks\n"
		  "stack \"a\" { title = \"A # no comment\" program = \"/opt/daemon\"\n"
		  "  args = {\"{socket}\", # comment, in a list\n"
		  "    \"{{\\\"a\\\": {{}}\", /* another } */ 'a b\\x', // and one more\n"
		  "    \"http://{share}\"} caches = {\"auto\"} }\n");
	assert_int_equal(stack_daemon_argv(stack_find("a"), &paths, &c, &v), 0);
	assert_int_equal(v.count, 5);
	assert_string_equal(v.item[0], "/W/conf/a/daemon");
	assert_string_equal(v.item[1], "/sock");
	assert_string_equal(v.item[2], "{\"a\": {}}");
	assert_string_equal(v.item[3], "a b\\x");
	assert_string_equal(v.item[4], "http:///s");
	strv_free(&v);
	assert_string_equal(stack_find("a")->title, "A # no comment");
}

#define DAEMON "title = \"A\" program = \"/d\" caches = {\"auto\"} "
#define VMM    "title = \"A\" program = \"/v\" control = \"none\" "

/* Mistakes: line, a part of what is said, the text. */
static const struct {
	unsigned line;
	const char *says;
	const char *text;
} mistakes[] = {
	{ 1, "no such option 'titlex'", "stack \"a\" { titlex = \"x\" }" },
	{ 2, "'title' is given a second time (first in line 1)",
	  "stack \"9p\" { title = \"x\"\ntitle = \"y\" }" },
	{ 2, "stack \"9p\" is given a second time (first in line 1)",
	  "stack \"9p\" { title = \"x\" }\nstack \"9p\" { title = \"y\" }" },
	{ 2, "'A_b' is no id", "\nstack \"A_b\" { base = \"9p\" }" },
	{ 1, "is no id", "stack \"../x\" { base = \"9p\" }" },
	{ 1, "is no id", "stack \"a23456789012345678901234567890123\" { base = \"9p\" }" },
	{ 2, "there is no stack 'nosuch'", "stack \"a\" {\nbase = \"nosuch\" }" },
	{ 2, "is a baseline", "stack \"a\" {\nbase = \"local\" }" },
	{ 1, "'title' is missing", "stack \"a\" { program = \"/d\" }" },
	{ 1, "'program' is missing", "stack \"a\" { title = \"A\" }" },
	{ 1, "'args' is missing", "stack \"a\" { " DAEMON "}" },
	{ 1, "'caches' is missing",
	  "stack \"a\" { title = \"A\" program = \"/d\" args = {\"{fd}\", \"{share}\"} }" },
	{ 3, "there is no {nosuch}; known are {fd}",
	  "stack \"a\" { " DAEMON "args = {\n\"{fd}\",\n\"{nosuch}\" } }" },
	{ 1, "there is no {fd}", "stack \"a\" { " DAEMON "args = { \"{fd}\", \"x{fd\" } }" },
	{ 2, "'args' is empty", "stack \"a\" { " DAEMON "\nargs = {} }" },
	{ 2, "'args' is empty", "stack \"a\" { " DAEMON "\nargs = {\"\"} }" },
	{ 2, "exactly one of {fd}", "stack \"a\" { " DAEMON "\nargs = {\"{share}\"} }" },
	{ 2, "exactly one of {fd}",
	  "stack \"a\" { " DAEMON "\nargs = {\"{share}\", \"{fd}\", \"{socket}\"} }" },
	{ 2, "what to share", "stack \"a\" { " DAEMON "\nargs = {\"{fd}\"} }" },
	{ 2, "control character", "stack \"9p\" {\ntitle = \"a\\nb\" }" },
	{ 3, "'warm' is no cache mode", "stack \"9p\" { caches = {\n\"none\",\n\"warm\"} }" },
	{ 1, "'none' stands there twice", "stack \"9p\" { caches = {\"none\", \"none\"} }" },
	{ 2, "'caches' is empty", "stack \"9p\" {\ncaches = {} }" },
	{ 2, "no absolute path", "stack \"rust-sid\" {\nprogram = \"virtiofsd\" }" },
	{ 2, "the program's name", "stack \"rust-sid\" {\nprogram = \"/a b\" }" },
	{ 2, "'program' cannot be set", "stack \"9p\" {\nprogram = \"/d\" }" },
	{ 2, "'args' cannot be set", "stack \"blk\" {\nargs = {\"x\"} }" },
	{ 1, "'caches' cannot be set", "stack \"blk\" { caches = {\"none\"} }" },
	{ 2, "'kind' is that of the row", "stack \"9p\" {\nkind = \"virtiofs\" }" },
	{ 2, "allowed are virtiofs, vmm-virtiofs", "stack \"a\" {\nkind = \"9p\" }" },
	{ 2, "it changes nothing", "stack \"9p\" {\noption \"x\" { title = \"x\" } }" },
	{ 2, "has no daemon", "stack \"9p\" {\noption \"x\" { with = {\"x\"} } }" },
	{ 2, "there is no {x}", "stack \"9p\" {\nmount_options = \"{x}\" }" },
	{ 1, "this is the id of a VMM", "stack \"qemu-bookworm\" { base = \"9p\" }" },
	{ 1, "this is the id of a stack", "vmm \"9p\" { base = \"qemu-bookworm\" }" },
	{ 1, "'control' is missing", "vmm \"a\" { title = \"A\" program = \"/v\" }" },
	{ 1, "'args' is missing", "vmm \"a\" { " VMM "}" },
	{ 2, "needs 'args', its whole command line",
	  "vmm \"a\" { base = \"qemu-bookworm\"\ncontrol = \"none\" }" },
	{ 2, "allowed are qmp, none", "vmm \"qemu-bookworm\" {\ncontrol = \"http\" }" },
	{ 2, "allowed are virtio-serial", "vmm \"qemu-bookworm\" {\nagent = \"vsock:5\" }" },
	{ 2, "allowed are virtio-serial", "vmm \"qemu-bookworm\" {\nagent = \"/dev/../x\" }" },
	{ 2, "no console such as", "vmm \"qemu-bookworm\" {\nconsole = \"tty S0\" }" },
	{ 2, "{kernel} is missing", "vmm \"a\" { " VMM "\nargs = {\"{agent_socket}\"} }" },
	{ 2, "{agent_socket} is missing", "vmm \"a\" { " VMM "\nargs = {\"{kernel}\"} }" },
	{ 2, "no file system device",
	  "vmm \"a\" { " VMM "\nargs = {\"{kernel}\", \"{agent_socket}\"} }" },
	{ 2, "{qmp_fd} cannot be used",
	  "vmm \"a\" { " VMM "\nargs = {\"{kernel}\", \"{agent_socket}\", \"{qmp_fd}\"} }" },
	{ 3, "a word of its own",
	  "vmm \"a\" { " VMM "args = {\n\"{kernel}\", \"{agent_socket}\",\n\"x{device}\"} }" },
	{ 2, "needs {device}",
	  "vmm \"a\" { " VMM
	  "args = {\"{kernel}\", \"{agent_socket}\", \"{fs_socket}\"}\ndevice = {\"x\"} }" },
	{ 2, "there is no {device}", "vmm \"qemu-bookworm\" {\nextra_args = {\"{device}\"} }" },
	{ 1, "{root} needs 'root'",
	  "vmm \"a\" { " VMM
	  "args = {\"{kernel}\", \"{agent_socket}\", \"{fs_socket}\", \"{root}\"} }" },
	{ 1, "needs 'vmlinux'", "kernel \"a\" { title = \"A\" }" },
	{ 2, "not both", "kernel \"a\" { vmlinux = \"/a\"\nbzimage = \"/b\" }" },
	{ 1, "'title' is missing", "kernel \"a\" { vmlinux = \"/a\" }" },
	{ 1, "is the kernel of --kernel", "kernel \"user\" { vmlinux = \"/a\" }" },
	{ 2, "'modules' belongs to", "kernel \"bookworm\" {\nmodules = \"/a\" }" },
	{ 2, "there is no kernel", "kernel \"a\" {\nbase = \"nosuch\" }" },
	{ 1, "has no '}'", "stack \"9p\" { title = \"x\"" },
};

/* Goal: every mistake is told with file and line. Method: a table of them. */
static void mistakes_are_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		char where[64];
		int e = load(mistakes[i].text);

		stack_conf_free();
		(void)snprintf(where, sizeof(where), FOLDER "/t.conf:%u: ", mistakes[i].line);
		if (e != -EINVAL || !strstr(err.text, mistakes[i].says) ||
		    strncmp(err.text, where, strlen(where)) != 0)
			fail_msg("%s\nwanted line %u and '%s', said (%d): %s", mistakes[i].text,
				 mistakes[i].line, mistakes[i].says, e, err.text);
	}
}

/* Goal: bounds hold. Method: one more than they allow, of words, options, rows and files. */
static void bounds(void **state)
{
	struct buf text = { 0 };

	(void)state;
	(void)buf_printf(&text, "vmm \"qemu-bookworm\" { extra_args = {\"x\"");
	for (int i = 0; i < 256; i++)
		(void)buf_printf(&text, ", \"x\"");
	(void)buf_printf(&text, "} }");
	assert_int_equal(load(buf_text(&text)), -EINVAL);
	assert_non_null(strstr(err.text, "more than 256 words"));
	buf_clear(&text);
	(void)buf_printf(&text, "stack \"9p\" {");
	for (int i = 0; i < 8; i++)
		(void)buf_printf(&text, "option \"o%d\" { mount = \"x\" }\n", i);
	(void)buf_printf(&text, "}");
	assert_int_equal(load(buf_text(&text)), -EINVAL);
	assert_non_null(strstr(err.text, "at most 8 options"));
	buf_clear(&text);
	for (int i = 0; i < 64; i++)
		(void)buf_printf(&text, "stack \"s%d\" { base = \"9p\" }\n", i);
	assert_int_equal(load(buf_text(&text)), -ENOSPC);
	buf_free(&text);
	stack_conf_free();
	for (int i = 0; i < STACK_CONF_FILES_MAX; i++)
		must_load("stack \"9p\" { title = \"x\" }");
	assert_int_equal(load("stack \"9p\" { title = \"x\" }"), -ENOSPC);
	assert_int_equal(stack_conf_load(FOLDER "/nosuch.conf", NULL, &err), -ENOSPC);
	stack_conf_free();
	assert_int_equal(stack_conf_load(FOLDER "/nosuch.conf", NULL, &err), -ENOENT);
	assert_int_equal(load("# nothing\n"), -EINVAL);
	assert_non_null(strstr(err.text, "has no section"));
}

/* Goal: what cannot be joined is refused, with why. Method: kinds of stacks and a VMM without QMP. */
static void pairs(void **state)
{
	const struct vmm *plain;
	const struct vmm *open;

	(void)state;
	must_load(
		"vmm \"plain\" { " VMM
		"args = {\"{kernel}\", \"{agent_socket}\", \"{fs_socket}\"} }\n"
		"vmm \"open\" { " VMM "args = {\"{kernel}\", \"{agent_socket}\", \"{device}\"} }\n"
		"stack \"in\" { kind = \"vmm-virtiofs\" title = \"A\" caches = {\"auto\"} args = {\"{share}\"} }\n");
	plain = vmm_find("plain");
	open = vmm_find("open");
	assert_int_equal(vmm_serves(plain, stack_find("rust-sid"), 0, &err), 0);
	assert_int_equal(vmm_serves(plain, stack_find("in"), 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "have no place for it ({device})"));
	assert_int_equal(vmm_serves(plain, stack_find("9p"), 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "has no hot-plug"));
	assert_int_equal(vmm_serves(open, stack_find("in"), 0, &err), 0);
	assert_int_equal(vmm_serves(open, stack_find("rust-sid"), 0, &err), -EINVAL);
	assert_non_null(strstr(err.text, "takes no vhost-user device"));
	assert_int_equal(vmm_serves(vmm_find("qemu-bookworm"), stack_find("9p"), 0, &err), 0);
	assert_int_equal(vmm_serves(vmm_find("qemu-bookworm"), stack_find("in"), 0, &err), -EINVAL);
}

/* Goal: a run's copies give the same rows again. Method: eleven files, of which the last one counts. */
static void copies_load_again(void **state)
{
	char text[128];
	size_t count;

	(void)state;
	for (int i = 1; i <= 11; i++) {
		(void)snprintf(text, sizeof(text), "stack \"9p\" { title = \"number %d\" }", i);
		must_load(text);
	}
	if (describe_save_conf(FOLDER, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(fs_exists(FOLDER "/conf/11-t.conf"));
	stack_conf_free();
	if (describe_load_conf(FOLDER, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal((stack_conf_files(&count), count), 11);
	assert_string_equal(stack_find("9p")->title, "number 11");
	assert_string_equal(stack_find("9p")->conf, "t.conf");
	stack_conf_free();
	assert_int_equal(describe_load_conf(FOLDER "/conf", &err), 0);
	assert_null(stack_find("9p")->conf);
}

static void add_golden(struct buf *text, const char *title, struct strv *v, int e)
{
	assert_int_equal(e, 0);
	(void)buf_printf(text, "# %s\n", title);
	for (size_t i = 0; i < v->count; i++)
		(void)buf_printf(text, "%s\n", v->item[i]);
	strv_free(v);
}

static void add_stack_lines(struct buf *text, const struct stack *s)
{
	const struct daemon_config c = { .share = "/W/share",
					 .listen_fd = 7,
					 .socket = "/W/sockets/fs",
					 .tag = "vq",
					 .cache = CACHE_AUTO,
					 .options = s->option_count ? 1U << (s->option_count - 1)
								    : 0,
					 .nofile = 65536 };
	struct strv v = { 0 };

	if (s->kind != STACK_VIRTIOFS)
		return;
	add_golden(text, s->id, &v, stack_daemon_argv(s, &paths, &c, &v));
	add_golden(text, "its version", &v, stack_probe_argv(s, &paths, &v));
}

static void add_vmm_lines(struct buf *text, const struct vmm *v, const struct stack *stack)
{
	const struct vmm_device device = { .stack = stack,
					   .socket = "/W/sockets/fs",
					   .share = "/W/share",
					   .tag = "vq",
					   .cache = CACHE_AUTO };
	const struct vmm_config c = { .accelerator = "tcg",
				      .vcpus = 2,
				      .memory_mib = 768,
				      .kernel = "/W/image/vmlinux",
				      .initramfs = "/W/image/initramfs",
				      .root_image = "/W/image/root.erofs",
				      .cmdline = "console=ttyS0 quiet",
				      .qmp_fd = -1,
				      .agent_socket = "/W/sockets/agent",
				      .device = &device };
	struct strv words = { 0 };
	char title[128];

	if (vmm_serves(v, stack, 0, NULL) < 0)
		return;
	(void)snprintf(title, sizeof(title), "%s with %s", v->id, stack->id);
	add_golden(text, title, &words, vmm_argv(v, &paths, &c, &words));
}

/* Goal: the shipped examples load without their programs, and what they start is pinned. */
static void check_example(const char *name)
{
	struct buf text = { 0 };
	struct buf want = { 0 };
	char path[512];
	size_t stacks;
	size_t vmms;
	const struct stack *const *s;
	const struct vmm *const *v;

	(void)snprintf(path, sizeof(path), EXAMPLES "/%s", name);
	if (stack_conf_load(path, NULL, &err) < 0)
		fail_msg("%s", err.text);
	s = stack_list(&stacks);
	v = vmm_list(&vmms);
	for (size_t i = 0; i < stacks; i++)
		if (s[i]->conf)
			add_stack_lines(&text, s[i]);
	for (size_t i = 0; i < vmms; i++) {
		if (!v[i]->conf)
			continue;
		add_vmm_lines(&text, v[i], stack_find("rust-trixie"));
		for (size_t j = 0; j < stacks; j++)
			if (s[j]->conf)
				add_vmm_lines(&text, v[i], s[j]);
	}
	stack_conf_free();
	(void)snprintf(path, sizeof(path), GOLDEN "/%.*s.txt", (int)(strlen(name) - 5), name);
	if (getenv("VQ_GOLDEN_UPDATE"))
		assert_int_equal(fs_write_atomic(path, buf_text(&text), text.size, &err), 0);
	if (fs_read(path, MIB, &want, &err) < 0)
		fail_msg("%s (VQ_GOLDEN_UPDATE=1 writes it)", err.text);
	if (strcmp(buf_text(&text), buf_text(&want)) != 0)
		fail_msg("%s differs; now it is:\n%s", path, buf_text(&text));
	buf_free(&text);
	buf_free(&want);
}

static int is_conf(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return n > 5 && strcmp(d->d_name + n - 5, ".conf") == 0;
}

static void examples(void **state)
{
	static const char untested[] = "# untested here\n";
	struct dirent **names = NULL;
	int n = scandir(EXAMPLES, &names, is_conf, alphasort);
	int labelled = 0;

	(void)state;
	for (int i = 0; i < n; i++) {
		struct buf text = { 0 };
		char path[512];

		(void)snprintf(path, sizeof(path), EXAMPLES "/%s", names[i]->d_name);
		assert_int_equal(fs_read(path, MIB, &text, &err), 0);
		labelled += strncmp(buf_text(&text), untested, strlen(untested)) == 0;
		buf_free(&text);
		check_example(names[i]->d_name);
		free(names[i]);
	}
	free(names);
	assert_int_equal(n, 5);
	assert_int_equal(labelled, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(override_keeps_the_rest, forget),
		cmocka_unit_test_teardown(new_rows, forget),
		cmocka_unit_test_teardown(words_arrive, forget),
		cmocka_unit_test_teardown(mistakes_are_told, forget),
		cmocka_unit_test_teardown(bounds, forget),
		cmocka_unit_test_teardown(pairs, forget),
		cmocka_unit_test_teardown(copies_load_again, forget),
		cmocka_unit_test_teardown(examples, forget),
	};

	return cmocka_run_group_tests_name("rows from conf files", tests, NULL, NULL);
}
