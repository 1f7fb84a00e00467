/*
 * What the driver does with packs, and with libraries that nobody has open.
 */
#include "command.h"

struct watcher {
    FILE *out;
    bool throws;
};

static int32_t on_progress(void *user_data, float share)
{
    struct watcher *watcher = user_data;
    fprintf(watcher->out, "progress\t%g\n", (double)share);
    return watcher->throws;
}

/* The callback that a command wants: none, one that listens, one that ends the work. */
static crane_progress_fn next_watcher(struct command *command, FILE *out, struct watcher *watcher)
{
    long long way = next_number(command);
    watcher->out = out;
    watcher->throws = way == 2;
    return way == 0 ? NULL : on_progress;
}

static size_t next_texts(struct command *command, const char **texts)
{
    size_t count = (size_t)next_number(command);
    for (size_t i = 0; i < count; i++) {
        texts[i] = next_text(command);
    }
    return count;
}

static int export_pack(crane *runtime, struct command *command, FILE *out, crane_text **text)
{
    struct watcher watcher;
    const char *facts[MAX_ARGS];
    crane_export_options options = CRANE_EXPORT_OPTIONS_INIT;
    const char *file = next_text(command);
    options.signing_key = next_text(command);
    crane_progress_fn tell = next_watcher(command, out, &watcher);
    options.fact_count = next_texts(command, facts);
    options.facts = options.fact_count == 0 ? NULL : facts;
    return crane_pack_export(runtime, file, &options, tell, &watcher, text);
}

static int import_pack(crane *runtime, const char *name, struct command *command, FILE *out, crane_text **text)
{
    struct watcher watcher;
    const char *trusted[MAX_ARGS];
    crane_import_options options = CRANE_IMPORT_OPTIONS_INIT;
    const char *file = next_text(command);
    options.on_conflict = (int32_t)next_number(command);
    crane_progress_fn tell = next_watcher(command, out, &watcher);
    options.trusted_count = next_texts(command, trusted);
    options.trusted = trusted;
    return strcmp(name, "import") == 0 ? crane_pack_import(runtime, file, &options, tell, &watcher, text)
                                       : crane_pack_preview(runtime, file, &options, tell, &watcher, text);
}

static int public_key(struct command *command, FILE *out, crane_text **text)
{
    char key[CRANE_KEY_SIZE];
    int status = crane_public_key(next_text(command), key, sizeof key);
    if (status != CRANE_OK) {
        say(out, status, *text);
    } else {
        fprintf(out, "ok\t\"%s\"\n", key);
    }
    return -1;
}

/* What is done to a library that nobody has open. */
static int on_library(const char *name, struct command *command, FILE *out, crane_text **text)
{
    struct watcher watcher;
    const char *library = next_text(command), *key = next_text(command);
    crane_progress_fn tell = next_watcher(command, out, &watcher);
    const char *new_key = next_text(command), *models = next_text(command), *into = next_text(command);
    if (strcmp(name, "check") == 0) {
        return crane_library_check(library, key, tell, &watcher, text);
    }
    if (strcmp(name, "repair") == 0) {
        return crane_library_repair(library, key, tell, &watcher, text);
    }
    if (strcmp(name, "salvage") == 0) {
        return crane_library_salvage(library, key, into, models, tell, &watcher, text);
    }
    if (strcmp(name, "reembed") == 0) {
        return crane_library_reembed(library, key, models, 0, tell, &watcher, text);
    }
    return strcmp(name, "set_key") == 0 ? crane_library_set_key(library, key, new_key)
                                        : crane_library_is_encrypted(library, text);
}

/* Asks for the size, then for the photo; also with a buffer that is too small. */
static int thumbnail(crane *runtime, struct command *command, FILE *out, crane_text **text)
{
    int64_t key = next_number(command);
    size_t size = 1, again = 1;
    int status = crane_thumbnail(runtime, key, NULL, 0, &size);
    if (status != CRANE_OK) {
        say(out, status, *text);
        return -1;
    }
    uint8_t *photo = allocate(size + 1), one = 7;
    if (crane_thumbnail(runtime, key, &one, size > 1, &again) != CRANE_OK || again != size || one != 7 ||
        crane_thumbnail(runtime, key, photo, size, &again) != CRANE_OK || again != size) {
        fail("a small copy of a photo has another size than it says");
    }
    fprintf(out, "ok\t%s\n", size > 2 && photo[0] == 0xFF && photo[1] == 0xD8 ? "true" : "false");
    free(photo);
    return -1;
}
