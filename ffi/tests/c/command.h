/*
 * A line that the driver reads, and the lines that it answers.
 *
 * A line is a command and its arguments, between tabs. An argument is "-" for NULL, "h" and hexadecimal digits for bytes,
 * "f" and a path for a file's bytes, "b<value>x<times>" for so many equal bytes, or a decimal number. What came of it is any
 * number of lines "event <number> <text>" and "progress <share>" and one line "ok <JSON>" or "error <code> <message>".
 */
#include <crane.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 64

struct bytes {
    char *data;
    size_t size;
};

struct command {
    char *args[MAX_ARGS];
    int count;
    int at;
    struct bytes made[MAX_ARGS];
    int made_count;
};

static void fail(const char *why)
{
    fprintf(stderr, "driver: %s\n", why);
    exit(2);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
    if (memory == NULL) {
        fail("no memory");
    }
    return memory;
}

static struct bytes keep(struct command *command, char *data, size_t size)
{
    struct bytes bytes = {data, size};
    command->made[command->made_count++] = bytes;
    return bytes;
}

static struct bytes from_hex(struct command *command, const char *digits)
{
    size_t size = strlen(digits) / 2;
    char *data = allocate(size + 1);
    for (size_t i = 0; i < size; i++) {
        char pair[3] = {digits[2 * i], digits[2 * i + 1], 0};
        data[i] = (char)strtol(pair, NULL, 16);
    }
    data[size] = 0;
    return keep(command, data, size);
}

static struct bytes from_file(struct command *command, const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail("a photo cannot be opened");
    }
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *data = allocate(size + 1);
    if (fread(data, 1, size, file) != size) {
        fail("a photo cannot be read");
    }
    fclose(file);
    return keep(command, data, size);
}

static struct bytes repeated(struct command *command, const char *text)
{
    int value = 0;
    size_t times = 0;
    if (sscanf(text, "%dx%zu", &value, &times) != 2) {
        fail("bad repetition");
    }
    char *data = allocate(times + 1);
    memset(data, value, times + 1);
    return keep(command, data, times);
}

static const char *next(struct command *command)
{
    if (command->at >= command->count) {
        fail("an argument is missing");
    }
    return command->args[command->at++];
}

static struct bytes next_bytes(struct command *command)
{
    const char *text = next(command);
    struct bytes none = {NULL, 0};
    switch (text[0]) {
    case 'h':
        return from_hex(command, text + 1);
    case 'f':
        return from_file(command, text + 1);
    case 'b':
        return repeated(command, text + 1);
    default:
        return none;
    }
}

static const char *next_text(struct command *command)
{
    return next_bytes(command).data;
}

static long long next_number(struct command *command)
{
    return strtoll(next(command), NULL, 10);
}

static void say(FILE *out, int status, crane_text *text)
{
    if (status != CRANE_OK) {
        char message[4096];
        crane_last_error_message(message, sizeof message);
        bool clean = text == NULL && crane_last_error_code() == status && message[0] != 0;
        fprintf(out, "error\t%d\t%s\n", clean ? status : -1, message);
        return;
    }
    const char *data = crane_text_data(text);
    if (data != NULL && strlen(data) != crane_text_size(text)) {
        fail("a text has another size than it says");
    }
    fprintf(out, "ok\t%s\n", data == NULL ? "{}" : data);
    if (crane_text_free(text) != CRANE_OK) {
        fail("a text cannot be freed");
    }
}
