/*
 * Runs the contract's steps through crane.h: reads one command a line (command.h), prints what came of it.
 */
#include "packs.h"

#include <pthread.h>

#define MAX_THREADS 16
#define MAX_LINES 64

static crane *runtime;

struct fact {
    crane_new_fact fact;
    crane_photo photos[64];
    const char *texts[64];
    int64_t from, until;
};

static const crane_new_fact *next_fact(struct command *command, struct fact *into)
{
    crane_new_fact fact = CRANE_NEW_FACT_INIT;
    fact.statement = next_text(command);
    fact.subject = next_text(command);
    fact.target = next_text(command);
    fact.source = next_text(command);
    fact.note = next_text(command);
    const char *from = next(command), *until = next(command);
    into->from = strtoll(from, NULL, 10);
    into->until = strtoll(until, NULL, 10);
    fact.valid_from = strcmp(from, "-") == 0 ? NULL : &into->from;
    fact.valid_until = strcmp(until, "-") == 0 ? NULL : &into->until;
    fact.image_count = (size_t)next_number(command);
    for (size_t i = 0; i < fact.image_count; i++) {
        struct bytes photo = next_bytes(command);
        into->photos[i].data = (const uint8_t *)photo.data;
        into->photos[i].size = photo.size;
    }
    fact.text_count = (size_t)next_number(command);
    for (size_t i = 0; i < fact.text_count; i++) {
        into->texts[i] = next_text(command);
    }
    fact.images = into->photos;
    fact.texts = into->texts;
    into->fact = fact;
    return &into->fact;
}

struct listener {
    FILE *out;
    int at;
    const char *then;
    crane_cancel *cancel;
    bool done;
};

static void *cancel_elsewhere(void *cancel)
{
    crane_cancel_set(cancel);
    return NULL;
}

static int32_t act(struct listener *listener)
{
    const char *then = listener->then;
    listener->done = true;
    if (strcmp(then, "cancel") == 0) {
        crane_cancel_set(listener->cancel);
    } else if (strcmp(then, "cancel_elsewhere") == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, cancel_elsewhere, listener->cancel) != 0) {
            fail("no thread");
        }
        pthread_join(thread, NULL);
    } else if (strcmp(then, "close") == 0) {
        crane_close(runtime);
    } else if (strcmp(then, "list") == 0) {
        crane_text *facts = NULL;
        if (crane_fact_list(runtime, NULL, &facts) != CRANE_OK) {
            fail("calling back in does not work");
        }
        crane_text_free(facts);
    }
    return strcmp(then, "throw") == 0;
}

static int32_t on_event(void *user_data, int32_t event, const char *text, size_t size)
{
    struct listener *listener = user_data;
    fprintf(listener->out, "event\t%d\t", (int)event);
    for (size_t i = 0; i < size; i++) {
        fprintf(listener->out, "%02x", (unsigned char)text[i]);
    }
    fprintf(listener->out, "\n");
    return event == listener->at && !listener->done ? act(listener) : 0;
}

static crane_question next_question(struct command *command)
{
    crane_question question = CRANE_QUESTION_INIT;
    question.text = next_text(command);
    struct bytes photo = next_bytes(command);
    question.image.data = (const uint8_t *)photo.data;
    question.image.size = photo.size;
    question.thought_tokens = (int32_t)next_number(command);
    question.temperature = strtof(next(command), NULL);
    return question;
}

static int ask(struct command *command, FILE *out, crane_text **text)
{
    struct listener listener = {out, 0, NULL, NULL, false};
    crane_question question = next_question(command);
    listener.at = (int)next_number(command);
    listener.then = next(command);
    question.source = next_text(command);
    if (crane_cancel_new(&listener.cancel) != CRANE_OK) {
        fail("no cancel handle");
    }
    int status = crane_ask(runtime, &question, listener.cancel, on_event, &listener, text);
    /* Freeing the handle would clear this thread's last error: say it first. */
    say(out, status, *text);
    if (crane_cancel_free(listener.cancel) != CRANE_OK || crane_cancel_free(listener.cancel) != CRANE_INVALID_INPUT) {
        fail("a cancel handle can be freed once");
    }
    return -1;
}

static bool is_one_of(const char *name, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (strcmp(name, *names) == 0) {
            return true;
        }
    }
    return false;
}

static int open_runtime(struct command *command)
{
    crane_options options = CRANE_OPTIONS_INIT;
    options.models = next_text(command);
    options.library = next_text(command);
    options.read_only = (int32_t)next_number(command);
    options.threads = (uint32_t)next_number(command);
    options.key = next_text(command);
    options.keep_thumbnails = (int32_t)next_number(command);
    crane *before = runtime;
    if (crane_free(before) != CRANE_OK || (before != NULL && crane_free(before) != CRANE_INVALID_INPUT)) {
        fail("a runtime can be freed once");
    }
    return crane_open(&options, &runtime);
}

static int list(struct command *command, crane_text **text)
{
    crane_filter filter = CRANE_FILTER_INIT;
    filter.states = (uint32_t)next_number(command);
    filter.source = next_text(command);
    filter.subject = next_text(command);
    filter.offset = (uint32_t)next_number(command);
    filter.limit = (uint32_t)next_number(command);
    return crane_fact_list(runtime, &filter, text);
}

static int with_fact(const char *name, struct command *command, crane_text **text)
{
    struct fact fact;
    if (strcmp(name, "add") == 0) {
        return crane_fact_add(runtime, next_fact(command, &fact), text);
    }
    if (strcmp(name, "conflicts") == 0) {
        return crane_fact_conflicts(runtime, next_fact(command, &fact), 0.95f, text);
    }
    if (strcmp(name, "supersede_all") == 0) {
        const char *old[MAX_ARGS];
        size_t count = next_texts(command, old);
        return crane_fact_supersede_all(runtime, old, count, next_fact(command, &fact), text);
    }
    const char *id = next_text(command);
    const crane_new_fact *changed = next_fact(command, &fact);
    return strcmp(name, "edit") == 0 ? crane_fact_edit(runtime, id, changed, text)
                                     : crane_fact_supersede(runtime, id, changed, text);
}

typedef int32_t (*by_id)(crane *, const char *, crane_text **);

static int32_t get(crane *crane, const char *id, crane_text **text)
{
    return crane_fact_get(crane, id, text);
}

static int32_t keys(crane *crane, const char *id, crane_text **text)
{
    return crane_fact_keys(crane, id, text);
}

static by_id find_by_id(const char *name)
{
    static const struct {
        const char *name;
        by_id function;
    } all[] = {{"enable", crane_fact_enable}, {"disable", crane_fact_disable}, {"delete", crane_fact_delete},
               {"forget", crane_fact_forget}, {"get", get}, {"keys", keys}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(all[i].name, name) == 0) {
            return all[i].function;
        }
    }
    return NULL;
}

/* The status, or -1 where everything is said already. */
static int perform(const char *name, struct command *command, FILE *out, crane_text **text)
{
    static const char *const with_facts[] = {"add", "conflicts", "edit", "supersede", "supersede_all", NULL};
    static const char *const on_libraries[] = {"check",        "repair",  "salvage", "reembed",
                                               "is_encrypted", "set_key", NULL};
    if (find_by_id(name) != NULL) {
        return find_by_id(name)(runtime, next_text(command), text);
    }
    if (is_one_of(name, with_facts)) {
        return with_fact(name, command, text);
    }
    if (is_one_of(name, on_libraries)) {
        return on_library(name, command, out, text);
    }
    if (strcmp(name, "open") == 0) {
        return open_runtime(command);
    }
    if (strcmp(name, "ask") == 0) {
        return ask(command, out, text);
    }
    if (strcmp(name, "preview") == 0) {
        crane_question question = next_question(command);
        next(command);
        next(command);
        question.source = next_text(command);
        return crane_preview(runtime, &question, text);
    }
    if (strcmp(name, "list") == 0) {
        return list(command, text);
    }
    if (strcmp(name, "search") == 0) {
        const char *words = next_text(command);
        return crane_fact_search(runtime, words, (uint32_t)next_number(command), text);
    }
    if (strcmp(name, "history") == 0) {
        const char *id = next_text(command);
        return crane_history(runtime, id, (uint32_t)next_number(command), text);
    }
    if (strcmp(name, "as_of") == 0) {
        const char *id = next_text(command);
        return crane_fact_as_of(runtime, id, next_number(command), text);
    }
    if (strcmp(name, "restore") == 0) {
        const char *id = next_text(command);
        return crane_fact_restore(runtime, id, next_number(command), text);
    }
    if (strcmp(name, "export") == 0) {
        return export_pack(runtime, command, out, text);
    }
    if (strcmp(name, "import") == 0 || strcmp(name, "preview_pack") == 0) {
        return import_pack(runtime, name, command, out, text);
    }
    if (strcmp(name, "pack_facts") == 0) {
        const char *facts[MAX_ARGS], *file = next_text(command);
        size_t count = next_texts(command, facts);
        return crane_pack_facts(file, count == 0 ? NULL : facts, count, text);
    }
    if (strcmp(name, "public_key") == 0) {
        return public_key(command, out, text);
    }
    if (strcmp(name, "model_info") == 0) {
        return crane_model_info(runtime, text);
    }
    if (strcmp(name, "devices") == 0) {
        return crane_devices(runtime, text);
    }
    if (strcmp(name, "trim") == 0) {
        return crane_trim_memory(runtime, (int32_t)next_number(command));
    }
    if (strcmp(name, "thumbnail") == 0) {
        return thumbnail(runtime, command, out, text);
    }
    if (strcmp(name, "receipts") == 0) {
        return crane_receipts(runtime, text);
    }
    if (strcmp(name, "undo") == 0) {
        return crane_undo(runtime, text);
    }
    if (strcmp(name, "redo") == 0) {
        return crane_redo(runtime, text);
    }
    if (strcmp(name, "memory") == 0) {
        return crane_memory_usage(runtime, text);
    }
    if (strcmp(name, "backends") == 0) {
        return crane_backends(runtime, text);
    }
    if (strcmp(name, "warm_up") == 0) {
        struct watcher watcher;
        crane_progress_fn tell = next_watcher(command, out, &watcher);
        return crane_warm_up(runtime, NULL, tell, &watcher);
    }
    if (strcmp(name, "background") == 0) {
        return crane_on_background(runtime);
    }
    if (strcmp(name, "foreground") == 0) {
        return crane_on_foreground(runtime);
    }
    if (strcmp(name, "close") == 0) {
        return crane_close(runtime);
    }
    fail("there is no such command");
    return -1;
}

static void run(char *line, FILE *out)
{
    struct command command = {.count = 0};
    char *rest = NULL;
    for (char *arg = strtok_r(line, "\t\n", &rest); arg != NULL; arg = strtok_r(NULL, "\t\n", &rest)) {
        if (command.count == MAX_ARGS) {
            fail("too many arguments");
        }
        command.args[command.count++] = arg;
    }
    crane_text *text = NULL;
    int status = perform(next(&command), &command, out, &text);
    if (status >= 0) {
        say(out, status, text);
    }
    for (int i = 0; i < command.made_count; i++) {
        free(command.made[i].data);
    }
}

struct worker {
    pthread_t thread;
    char *lines[MAX_LINES];
    int count;
    char *said;
    size_t size;
};

static void *work(void *argument)
{
    struct worker *worker = argument;
    FILE *out = open_memstream(&worker->said, &worker->size);
    for (int i = 0; i < worker->count; i++) {
        char *line = strdup(worker->lines[i]);
        run(line, out);
        free(line);
    }
    fclose(out);
    return NULL;
}

static void parallel(int times, int count)
{
    struct worker workers[MAX_THREADS];
    char *lines[MAX_LINES];
    if (times > MAX_THREADS || count > MAX_LINES) {
        fail("too much at once");
    }
    for (int i = 0; i < count; i++) {
        size_t room = 0;
        lines[i] = NULL;
        if (getline(&lines[i], &room, stdin) < 0) {
            fail("a line is missing");
        }
    }
    for (int i = 0; i < times; i++) {
        memcpy(workers[i].lines, lines, sizeof lines);
        workers[i].count = count;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) {
            fail("no thread");
        }
    }
    for (int i = 0; i < times; i++) {
        pthread_join(workers[i].thread, NULL);
        fputs(workers[i].said, stdout);
        free(workers[i].said);
    }
    for (int i = 0; i < count; i++) {
        free(lines[i]);
    }
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    if (crane_abi_version() < CRANE_ABI_VERSION) {
        fail("the library is older than the header");
    }
    while (getline(&line, &room, stdin) > 0) {
        int times = 0, count = 0;
        if (sscanf(line, "parallel\t%d\t%d", &times, &count) == 2) {
            parallel(times, count);
        } else {
            run(line, stdout);
        }
        fflush(stdout);
    }
    free(line);
    return crane_free(runtime) == CRANE_OK ? 0 : 1;
}
