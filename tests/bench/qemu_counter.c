/*
 * A plugin of qemu-user that counts the instructions of a program and prints them when it ends. Debian has the header
 * of qemu's plugins in no package, so what is needed of the interface is declared here. It has been the same in all
 * versions so far; VERSION is what this qemu wants to hear.
 *
 *     qemu-aarch64 -plugin qemu_counter.so -d plugin PROGRAM
 */
#include <stdint.h>
#include <stdio.h>

struct qemu_plugin_tb;
typedef struct qemu_info_t qemu_info_t;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, void (*run)(uint64_t, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, void (*run)(unsigned, void *),
                                          enum qemu_plugin_cb_flags flags, void *context);
void qemu_plugin_register_atexit_cb(uint64_t id, void (*run)(uint64_t, void *), void *context);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_outs(const char *text);

__attribute__((visibility("default"))) int qemu_plugin_version = VERSION;
__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const qemu_info_t *info, int argc,
                                                               char **argv);

static uint64_t instructions;

static void count_block(unsigned processor, void *size)
{
    (void)processor;
    instructions += (uintptr_t)size;
}

static void look_at_block(uint64_t id, struct qemu_plugin_tb *block)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_cb(block, count_block, QEMU_PLUGIN_CB_NO_REGS,
                                         (void *)(uintptr_t)qemu_plugin_tb_n_insns(block));
}

static void print(uint64_t id, void *context)
{
    char text[64];
    (void)id;
    (void)context;
    snprintf(text, sizeof(text), "instructions: %llu\n", (unsigned long long)instructions);
    qemu_plugin_outs(text);
}

int qemu_plugin_install(uint64_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, look_at_block);
    qemu_plugin_register_atexit_cb(id, print, NULL);
    return 0;
}
