/*
 * Everything that a program can do wrong, as far as it can be known: each gets a status, nothing crashes, nothing leaks.
 * Run with a bundle's and a library's folder. No model is loaded, so that this is quick under valgrind too.
 */
#include <crane.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool right, const char *what, int line)
{
    if (!right) {
        char message[512];
        crane_last_error_message(message, sizeof message);
        fprintf(stderr, "line %d: %s (%d: %s)\n", line, what, (int)crane_last_error_code(), message);
        exit(1);
    }
}
#define CHECK(right) check(right, #right, __LINE__)
#define INVALID(call) CHECK((call) == CRANE_INVALID_INPUT && crane_last_error_code() == CRANE_INVALID_INPUT)

static void wrong_handles(crane *runtime)
{
    const char *some_id = "00000000-0000-4000-8000-000000000000";
    crane_text *text = NULL, *none = NULL;
    crane_cancel *cancel = NULL;
    CHECK(crane_fact_list(runtime, NULL, &text) == CRANE_OK);
    CHECK(crane_cancel_new(&cancel) == CRANE_OK);

    INVALID(crane_close(NULL));
    INVALID(crane_close((crane *)text));
    INVALID(crane_close((crane *)cancel));
    INVALID(crane_free((crane *)text));
    INVALID(crane_text_free((crane_text *)runtime));
    INVALID(crane_cancel_set((crane_cancel *)runtime));
    INVALID(crane_warm_up(runtime, (crane_cancel *)text, NULL, NULL));
    INVALID(crane_model_info((crane *)text, &none));
    INVALID(crane_devices(NULL, &none));
    INVALID(crane_pack_export((crane *)cancel, "facts.pack", NULL, NULL, NULL, NULL));
    INVALID(crane_pack_preview(NULL, "facts.pack", NULL, NULL, NULL, &none));
    INVALID(crane_pack_import((crane *)cancel, "facts.pack", NULL, NULL, NULL, NULL));
    size_t needed = 1;
    INVALID(crane_fact_keys((crane *)cancel, some_id, &none));
    INVALID(crane_receipts(NULL, &none));
    INVALID(crane_thumbnail(NULL, 1, NULL, 0, &needed));
    INVALID(crane_thumbnail(runtime, 1, NULL, 0, NULL));
    CHECK(crane_thumbnail(runtime, 1, NULL, SIZE_MAX, &needed) == CRANE_NOT_FOUND && needed == 0);
    INVALID(crane_fact_as_of(NULL, some_id, 1, NULL));
    INVALID(crane_fact_restore((crane *)cancel, some_id, 1, NULL));
    int on_the_stack = 0;
    INVALID(crane_close((crane *)(void *)&on_the_stack));
    INVALID(crane_text_free((crane_text *)(void *)&on_the_stack));
    CHECK(crane_text_data((crane_text *)runtime) == NULL && crane_text_size(NULL) == 0);
    CHECK(crane_text_copy((crane_text *)cancel, NULL, 0) == 0);

    CHECK(crane_text_free(text) == CRANE_OK);
    INVALID(crane_text_free(text));
    CHECK(crane_text_data(text) == NULL);
    CHECK(crane_cancel_free(cancel) == CRANE_OK);
    INVALID(crane_cancel_free(cancel));
    INVALID(crane_cancel_set(cancel));
    CHECK(crane_text_free(NULL) == CRANE_OK && crane_cancel_free(NULL) == CRANE_OK && crane_free(NULL) == CRANE_OK);
}

static void wrong_arguments(crane *runtime)
{
    crane_text *text = (crane_text *)(void *)&text;
    crane_question question = CRANE_QUESTION_INIT;
    INVALID(crane_preview(runtime, &question, &text));
    CHECK(text == NULL);
    INVALID(crane_preview(runtime, NULL, &text));
    INVALID(crane_preview(runtime, &question, NULL));
    question.text = "\xff\xfe";
    INVALID(crane_preview(runtime, &question, &text));
    question.text = "What is it?";
    question.image.size = SIZE_MAX;
    INVALID(crane_preview(runtime, &question, &text));
    question.image.data = (const uint8_t *)"x";
    CHECK(crane_preview(runtime, &question, &text) == CRANE_UNSUPPORTED_IMAGE);
    question.struct_size = 3;
    INVALID(crane_ask(runtime, &question, NULL, NULL, NULL, NULL));
    question.struct_size = sizeof question + 8;
    INVALID(crane_ask(runtime, &question, NULL, NULL, NULL, NULL));

    crane_new_fact fact = CRANE_NEW_FACT_INIT;
    INVALID(crane_fact_add(runtime, &fact, NULL));
    INVALID(crane_fact_add(runtime, NULL, NULL));
    fact.statement = "A fact.";
    fact.image_count = 1;
    INVALID(crane_fact_add(runtime, &fact, NULL));
    fact.image_count = SIZE_MAX;
    INVALID(crane_fact_add(runtime, &fact, NULL));
    crane_photo photo = {NULL, 0};
    fact.images = &photo;
    fact.image_count = 1;
    INVALID(crane_fact_add(runtime, &fact, NULL));
    const char *texts[1] = {NULL};
    fact.image_count = 0;
    fact.texts = texts;
    fact.text_count = 1;
    INVALID(crane_fact_add(runtime, &fact, NULL));

    fact.texts = NULL;
    fact.text_count = 0;
    INVALID(crane_fact_supersede_all(runtime, NULL, 0, &fact, NULL));
    INVALID(crane_fact_supersede_all(runtime, NULL, 2, &fact, NULL));
    INVALID(crane_fact_supersede_all(runtime, texts, 1, &fact, NULL));
    INVALID(crane_fact_supersede_all(runtime, texts, SIZE_MAX, &fact, NULL));

    char *endless = malloc(1 << 20);
    CHECK(endless != NULL);
    memset(endless, 'a', 1 << 20);
    INVALID(crane_fact_get(runtime, endless, NULL));
    free(endless);
    INVALID(crane_fact_get(runtime, NULL, NULL));
    INVALID(crane_fact_get(runtime, "no id", NULL));
    INVALID(crane_trim_memory(runtime, 17));
    crane_filter filter = CRANE_FILTER_INIT;
    filter.states = 1u << 31;
    INVALID(crane_fact_list(runtime, &filter, &text));
}

static int32_t never(void *user_data, float share)
{
    (void)user_data;
    (void)share;
    return 1;
}

static void wrong_packs(crane *runtime)
{
    crane_text *text = NULL;
    crane_export_options export = CRANE_EXPORT_OPTIONS_INIT;
    const char *bad = "\xff\xfe", *ids[2] = {NULL, "no id"};
    INVALID(crane_pack_export(runtime, NULL, NULL, NULL, NULL, NULL));
    INVALID(crane_pack_export(runtime, bad, NULL, NULL, NULL, &text));
    export.fact_count = 1;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    export.facts = ids;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    export.facts = ids + 1;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    export.fact_count = SIZE_MAX;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    export.facts = NULL;
    export.fact_count = 0;
    export.signing_key = bad;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    export.signing_key = NULL;
    export.struct_size = 2;
    INVALID(crane_pack_export(runtime, "f.pack", &export, NULL, NULL, NULL));
    CHECK(crane_pack_export(runtime, "f.pack", NULL, never, NULL, NULL) == CRANE_CANCELLED);

    crane_import_options import = CRANE_IMPORT_OPTIONS_INIT;
    INVALID(crane_pack_preview(runtime, "f.pack", &import, NULL, NULL, NULL));
    CHECK(crane_pack_preview(runtime, "no/such.pack", &import, NULL, NULL, &text) == CRANE_NOT_FOUND && text == NULL);
    CHECK(crane_pack_import(runtime, "no/such.pack", NULL, NULL, NULL, NULL) == CRANE_NOT_FOUND);
    import.on_conflict = 3;
    INVALID(crane_pack_import(runtime, "no/such.pack", &import, NULL, NULL, NULL));
    import.on_conflict = CRANE_CONFLICT_SKIP;
    import.trusted = ids;
    import.trusted_count = 2;
    INVALID(crane_pack_import(runtime, "no/such.pack", &import, NULL, NULL, NULL));
    import.trusted_count = SIZE_MAX;
    INVALID(crane_pack_import(runtime, "no/such.pack", &import, NULL, NULL, NULL));
    INVALID(crane_pack_facts("no/such.pack", NULL, 5, &text));
    INVALID(crane_pack_facts("no/such.pack", NULL, 0, NULL));
    CHECK(crane_pack_facts("no/such.pack", NULL, 0, &text) == CRANE_NOT_FOUND);
    char key[CRANE_KEY_SIZE], public[CRANE_KEY_SIZE];
    INVALID(crane_signing_key_generate(key, sizeof key - 1));
    INVALID(crane_public_key(NULL, public, sizeof public));
    INVALID(crane_public_key("cranesec1:00", public, sizeof public));
    CHECK(crane_signing_key_generate(key, sizeof key) == CRANE_OK);
    INVALID(crane_public_key(key, NULL, sizeof public));
    CHECK(crane_public_key(key, public, sizeof public) == CRANE_OK && strncmp(public, "cranepub1:", 10) == 0);
}

static void wrong_libraries(const char *open_one)
{
    crane_text *text = NULL;
    const char *bad = "\xff", *no_key = "cranekey1:";
    INVALID(crane_library_check(NULL, NULL, NULL, NULL, &text));
    INVALID(crane_library_check(open_one, bad, NULL, NULL, &text));
    INVALID(crane_library_repair(bad, NULL, NULL, NULL, NULL));
    INVALID(crane_library_salvage(open_one, NULL, NULL, NULL, NULL, NULL, NULL));
    INVALID(crane_library_reembed(open_one, NULL, NULL, 0, NULL, NULL, NULL));
    INVALID(crane_library_is_encrypted(open_one, NULL));
    INVALID(crane_library_set_key(open_one, NULL, NULL));
    INVALID(crane_library_set_key(open_one, no_key, NULL));
    INVALID(crane_library_set_key(open_one, NULL, no_key));
    INVALID(crane_library_set_key(NULL, NULL, no_key));
    INVALID(crane_forget_gpu_crash(NULL));
    CHECK(crane_library_repair(open_one, NULL, NULL, NULL, NULL) == CRANE_LIBRARY_LOCKED);
    CHECK(crane_library_check(open_one, NULL, never, NULL, &text) == CRANE_CANCELLED && text == NULL);
    CHECK(crane_library_check(open_one, NULL, NULL, NULL, &text) == CRANE_OK && crane_text_free(text) == CRANE_OK);
}

static void errors_are_of_their_thread(crane *runtime)
{
    INVALID(crane_close(NULL));
    size_t needed = crane_last_error_message(NULL, 0);
    char *message = malloc(needed + 1);
    CHECK(message != NULL);
    CHECK(crane_last_error_message(message, needed + 1) == needed && strlen(message) == needed);
    free(message);
    char one[1] = {'x'};
    CHECK(crane_last_error_message(one, 1) == needed && one[0] == 0);
    CHECK(crane_trim_memory(runtime, CRANE_TRIM_PHOTO) == CRANE_OK);
    CHECK(crane_last_error_code() == CRANE_OK && crane_last_error_message(NULL, 0) == 0);
}

static void *use(void *argument)
{
    crane *runtime = argument;
    for (int i = 0; i < 50; i++) {
        crane_text *text = NULL;
        int status = crane_fact_list(runtime, NULL, &text);
        /* Closed under way, or freed before the call. */
        CHECK(status == CRANE_OK || status == CRANE_CLOSED || status == CRANE_INVALID_INPUT);
        CHECK((status == CRANE_OK) == (text != NULL) && crane_last_error_code() == status);
        CHECK(crane_text_free(text) == CRANE_OK);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3 && crane_abi_version() >= CRANE_ABI_VERSION && strlen(crane_version()) > 0);
    crane *runtime = (crane *)(void *)argv;
    crane_options options = CRANE_OPTIONS_INIT;
    INVALID(crane_open(&options, &runtime));
    CHECK(runtime == NULL);
    INVALID(crane_open(&options, NULL));
    INVALID(crane_open(NULL, &runtime));
    options.models = argv[1];
    INVALID(crane_open(&options, &runtime));
    options.library = argv[2];
    options.key = "no key";
    INVALID(crane_open(&options, &runtime));
    options.key = NULL;
    char key[CRANE_KEY_SIZE];
    INVALID(crane_key_generate(key, sizeof key - 1));
    INVALID(crane_key_generate(NULL, sizeof key));
    CHECK(crane_key_generate(key, sizeof key) == CRANE_OK && strlen(key) == sizeof key - 1);
    options.gpu_layers = -2;
    INVALID(crane_open(&options, &runtime));
    options.gpu_layers = -1;
    CHECK(crane_open(&options, &runtime) == CRANE_OK && runtime != NULL);
    crane *second = NULL;
    CHECK(crane_open(&options, &second) == CRANE_LIBRARY_LOCKED && second == NULL);

    wrong_handles(runtime);
    wrong_arguments(runtime);
    wrong_packs(runtime);
    wrong_libraries(argv[2]);
    errors_are_of_their_thread(runtime);

    crane_text *late = NULL;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, use, runtime) == 0);
    }
    CHECK(crane_close(runtime) == CRANE_OK);
    CHECK(crane_close(runtime) == CRANE_OK);
    CHECK(crane_fact_list(runtime, NULL, NULL) == CRANE_INVALID_INPUT);
    CHECK(crane_model_info(runtime, &late) == CRANE_CLOSED && crane_devices(runtime, &late) == CRANE_CLOSED);
    CHECK(crane_pack_export(runtime, "f.pack", NULL, NULL, NULL, NULL) == CRANE_CLOSED);
    CHECK(crane_free(runtime) == CRANE_OK);
    INVALID(crane_free(runtime));
    INVALID(crane_close(runtime));
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    puts("every misuse was answered");
    return 0;
}
