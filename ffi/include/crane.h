/*
 * Crane: correct a fact once, on your own device, and the model on that device reasons with the correction.
 *
 * Errors. Every function that can fail returns a status: CRANE_OK, or one of the codes below, which never change their
 * meaning. crane_last_error_code and crane_last_error_message tell more about the last call of the calling thread. After
 * an error every result is NULL, and what was to be changed is as it was.
 *
 * Handles. crane, crane_cancel and crane_text are opaque; each is freed by the function of its name, once. A handle that
 * is NULL, was freed before, or is of another kind gives CRANE_INVALID_INPUT and does no harm.
 *
 * Strings. All are UTF-8. Those that go in end with a NUL and are copied before the function returns. Those that come out
 * are crane_text: crane_text_data and crane_text_size look at one, crane_text_copy copies it into your own buffer,
 * crane_text_free frees it. They are JSON, the same that `crane --json` prints; a later version may add keys.
 *
 * Structs. Begin with the macro CRANE_..._INIT, which sets the struct's size and leaves everything else at its default, and
 * set what you need. Pointers in a struct are read before the function returns and belong to you.
 *
 * Threads. Any thread may call anything at any time, crane_close and crane_free included: a call under way ends with
 * CRANE_CLOSED, one that comes later with CRANE_INVALID_INPUT. Only freeing a crane_text ends what crane_text_data gave.
 * Questions are answered one after another on one worker; everything else runs beside them.
 *
 * Programs link with `pkg-config --cflags --libs crane`, or CMake's `find_package(Crane)` and `Crane::crane`.
 */

#ifndef CRANE_H
#define CRANE_H

/* Generated from ffi/src/c by cbindgen. Change the source, then run the test `header` with CRANE_BLESS=1. */

#include <stddef.h>
#include <stdint.h>
/** Begins a crane_options. */
#define CRANE_OPTIONS_INIT {sizeof(crane_options), 0, NULL, NULL, 0, 0, 0, 0, 0, NULL, 0, NULL}
/** Begins a crane_new_fact. */
#define CRANE_NEW_FACT_INIT {sizeof(crane_new_fact), NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL}
/** Begins a crane_question. */
#define CRANE_QUESTION_INIT {sizeof(crane_question), NULL, 0, {NULL, 0}, 0, 0, 0, NULL}
/** Begins a crane_filter. */
#define CRANE_FILTER_INIT {sizeof(crane_filter), 0, NULL, NULL, NULL, 0, 0}
/** Begins a crane_export_options. */
#define CRANE_EXPORT_OPTIONS_INIT {sizeof(crane_export_options), 0, 0, NULL, 0, NULL}
/** Begins a crane_import_options. */
#define CRANE_IMPORT_OPTIONS_INIT {sizeof(crane_import_options), 0, NULL, 0, 0}

/**
 * Version of the C interface. It grows when something is added; what is there is never changed or removed.
 */
#define CRANE_ABI_VERSION 1

/**
 * It worked.
 */
#define CRANE_OK 0

/**
 * A fact, key or file does not exist.
 */
#define CRANE_NOT_FOUND 1

/**
 * An argument is NULL, empty, too long, not UTF-8 or contradictory, or a handle is not in use or of another kind.
 */
#define CRANE_INVALID_INPUT 2

/**
 * Not a photo that can be decoded within the limits.
 */
#define CRANE_UNSUPPORTED_IMAGE 3

/**
 * A model file is missing.
 */
#define CRANE_MODEL_MISSING 4

/**
 * A model file or manifest is damaged or altered.
 */
#define CRANE_MODEL_CORRUPT 5

/**
 * The library was written with other encoders.
 */
#define CRANE_FINGERPRINT_MISMATCH 6

/**
 * Another process writes to this library.
 */
#define CRANE_LIBRARY_LOCKED 7

/**
 * The library's database is damaged, or newer than this version.
 */
#define CRANE_LIBRARY_CORRUPT 8

/**
 * The disk is full.
 */
#define CRANE_STORAGE_FULL 9

/**
 * Not enough memory.
 */
#define CRANE_OUT_OF_MEMORY 10

/**
 * Cancelled by a cancel handle, or by a callback.
 */
#define CRANE_CANCELLED 11

/**
 * The app is in the background; try again in the foreground.
 */
#define CRANE_BACKGROUNDED 12

/**
 * Prompt and reply do not fit the model's context.
 */
#define CRANE_CONTEXT_OVERFLOW 13

/**
 * A defect of Crane's.
 */
#define CRANE_INTERNAL 14

/**
 * The library cannot be written, or was opened for reading.
 */
#define CRANE_READ_ONLY 15

/**
 * The storage device failed to read or write.
 */
#define CRANE_STORAGE_FAILED 16

/**
 * It was closed before.
 */
#define CRANE_CLOSED 18

/**
 * A fact pack is damaged, altered, incomplete or newer than this version.
 */
#define CRANE_PACK_CORRUPT 19

/**
 * The library is encrypted and no key or another one was given, or it is not and one was.
 */
#define CRANE_WRONG_KEY 20

/**
 * It stays outside.
 */
#define CRANE_CONFLICT_SKIP 0

/**
 * It is added beside; where its id is taken, under a new one.
 */
#define CRANE_CONFLICT_KEEP_BOTH 1

/**
 * It counts: it replaces the fact of the same id, and those it collides with become superseded.
 */
#define CRANE_CONFLICT_SUPERSEDE 2

/**
 * Facts in force.
 */
#define CRANE_STATE_ACTIVE 1

/**
 * Facts that are kept, but don't fire until enabled again.
 */
#define CRANE_STATE_DISABLED 2

/**
 * Facts that a later one has replaced.
 */
#define CRANE_STATE_SUPERSEDED 4

/**
 * Facts that are deleted and can be restored.
 */
#define CRANE_STATE_DELETED 8

/**
 * Facts that are erased.
 */
#define CRANE_STATE_FORGOTTEN 16

/**
 * Bytes of any key as text, with the NUL.
 */
#define CRANE_KEY_SIZE 75

/**
 * Gives back what is kept of the last questions.
 */
#define CRANE_TRIM_PHOTO 0

/**
 * Gives back the language model's context as well.
 */
#define CRANE_TRIM_CONTEXT 1

/**
 * Gives back every model; the next question loads them again.
 */
#define CRANE_TRIM_MODELS 2

/**
 * It is clear which index is searched; JSON: `"image"` or `"text"`.
 */
#define CRANE_EVENT_ROUTED 0

/**
 * It is clear whether a fact applies; JSON: `{"decision": …, "fact": …}`.
 */
#define CRANE_EVENT_DECIDED 1

/**
 * More text of the thought, plain UTF-8.
 */
#define CRANE_EVENT_THINK 2

/**
 * More text of the answer, plain UTF-8.
 */
#define CRANE_EVENT_ANSWER 3

/**
 * Ends questions from any thread.
 */
typedef struct crane_cancel crane_cancel;

/**
 * Facts and the models that reason with them. Any thread may call anything with it at any time.
 */
typedef struct crane crane;

/**
 * A text that Crane hands out: JSON in UTF-8. It belongs to the caller, who frees it with `crane_text_free`.
 */
typedef struct crane_text crane_text;

/**
 * What to open, and how. Begin with `CRANE_OPTIONS_INIT`.
 */
typedef struct crane_options {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * Not 0: open the library for reading only; any number of processes may, and nothing is created.
     */
    int32_t read_only;
    /**
     * The model bundle's folder.
     */
    const char *models;
    /**
     * The library's folder; it is created where there is none.
     */
    const char *library;
    /**
     * Not 0: keep a small JPEG copy of every photo of a new fact, so that a later encoder can embed it again.
     */
    int32_t keep_thumbnails;
    /**
     * Threads for each model; 0: one per core, as far as that helps.
     */
    uint32_t threads;
    /**
     * Layers of the language model to run on a GPU; 0: as many as fit; -1: none.
     */
    int32_t gpu_layers;
    /**
     * Milliseconds of idleness after which models are unloaded, to be loaded again when needed; 0: never.
     */
    uint32_t idle_unload_ms;
    /**
     * Bytes of embeddings of recent photos and texts to keep in memory; 0: 4 MiB; -1: no such cache.
     */
    int64_t embedding_cache_bytes;
    /**
     * The key of an encrypted library, with which a new one is created: `cranekey1:` and 64 hexadecimal digits, see
     * `crane_key_generate`; NULL: it is plain.
     */
    const char *key;
    /**
     * Most bytes that models, contexts and caches may take; 0: what the device has left, as far as the system tells.
     */
    uint64_t memory_budget;
    /**
     * A folder of the app's own, in which is remembered that a GPU has crashed; NULL: it is not remembered.
     */
    const char *state;
} crane_options;

/**
 * Told how far work is, on the thread that does it. The rules of `crane_event_fn` are its rules. It may call any function
 * of Crane, `crane_close` included; changes give `CRANE_INVALID_INPUT`, since the library is busy.
 *
 * @param user_data What was given along with the callback.
 * @param share     The share that is done, 0 to 1.
 * @return 0 to go on; anything else ends the work with `CRANE_CANCELLED`.
 */
typedef int32_t (*crane_progress_fn)(void *user_data, float share);

/**
 * An encoded photo: JPEG, PNG or WebP, at most 64 MiB.
 */
typedef struct crane_photo {
    /**
     * The file's bytes.
     */
    const uint8_t *data;
    /**
     * How many there are.
     */
    size_t size;
} crane_photo;

/**
 * A correction as the person states it. Begin with `CRANE_NEW_FACT_INIT`; what is not needed stays NULL.
 */
typedef struct crane_new_fact {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * The fact in one or two sentences, 1 to 2,000 characters.
     */
    const char *statement;
    /**
     * What the fact is about, 1 to 500 characters.
     */
    const char *subject;
    /**
     * What it says of it, the expected answer, 1 to 500 characters.
     */
    const char *target;
    /**
     * Where it comes from, 1 to 500 characters.
     */
    const char *source;
    /**
     * The person's own remark, 1 to 2,000 characters.
     */
    const char *note;
    /**
     * Photos of what the fact is about, at most 32.
     */
    const struct crane_photo *images;
    /**
     * How many photos there are.
     */
    size_t image_count;
    /**
     * Further texts under which it is found, at most 32 of 1 to 2,000 characters.
     */
    const char *const *texts;
    /**
     * How many texts there are.
     */
    size_t text_count;
    /**
     * First moment it holds, Unix milliseconds; NULL: always has.
     */
    const int64_t *valid_from;
    /**
     * Moment from which it no longer holds, Unix milliseconds; NULL: never ends.
     */
    const int64_t *valid_until;
} crane_new_fact;

/**
 * Which facts a list holds. Begin with `CRANE_FILTER_INIT`.
 */
typedef struct crane_filter {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * The `CRANE_STATE_…` that are wanted, added up; 0: all but deleted and forgotten.
     */
    uint32_t states;
    /**
     * Only facts with exactly this source.
     */
    const char *source;
    /**
     * Only facts with exactly this subject, upper and lower case of ASCII letters alike.
     */
    const char *subject;
    /**
     * Only facts that hold at this moment, Unix milliseconds.
     */
    const int64_t *valid_at;
    /**
     * Skips that many.
     */
    uint32_t offset;
    /**
     * Most facts to return; 0: all.
     */
    uint32_t limit;
} crane_filter;

/**
 * A question. Begin with `CRANE_QUESTION_INIT`.
 */
typedef struct crane_question {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * 1 to 8,000 characters.
     */
    const char *text;
    /**
     * Most tokens of the answer; 0: as the bundle has it.
     */
    uint32_t answer_tokens;
    /**
     * The photo that is asked about; no data: there is none.
     */
    struct crane_photo image;
    /**
     * What chance draws from: the same seed, question and library give the same reply.
     */
    uint64_t seed;
    /**
     * Most tokens of the thought, after which it is closed; 0: as the bundle has it; -1: the answer alone.
     */
    int32_t thought_tokens;
    /**
     * Above 0, up to 2: tokens are drawn by chance; -1: always the likeliest; 0: as the bundle has it.
     */
    float temperature;
    /**
     * Only facts with exactly this source may fire, 1 to 500 characters; NULL: all may.
     */
    const char *source;
} crane_question;

/**
 * Told of what happens while a question is answered, on the thread that asked, in this order: routed, decided, any number
 * of pieces of the thought, any number of pieces of the answer.
 *
 * It may call any function of Crane, `crane_close` included. It must return: neither `longjmp` nor a C++ exception may
 * leave it; an exception that tries ends the process.
 *
 * @param user_data What was given to `crane_ask`.
 * @param event     One of `CRANE_EVENT_…`.
 * @param text      The event's text with a NUL at its end; gone when the callback returns.
 * @param size      Bytes of the text, without the NUL.
 * @return 0 to go on; anything else cancels, as `crane_cancel_set` does.
 */
typedef int32_t (*crane_event_fn)(void *user_data, int32_t event, const char *text, size_t size);

/**
 * What an export takes along. Begin with `CRANE_EXPORT_OPTIONS_INIT`.
 */
typedef struct crane_export_options {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * Not 0: leave out the small copies of photos, where they are kept.
     */
    int32_t without_thumbnails;
    /**
     * Not 0: leave out what the facts said before, and when they were changed.
     */
    int32_t without_history;
    /**
     * The ids of the facts, in whatever state; NULL: every fact that is not deleted, and the receipts of forgotten ones.
     */
    const char *const *facts;
    /**
     * How many ids there are.
     */
    size_t fact_count;
    /**
     * The key that the pack is signed with, `cranesec1:` and 64 hexadecimal digits, see `crane_signing_key_generate`; NULL:
     * it is not signed.
     */
    const char *signing_key;
} crane_export_options;

/**
 * How to import. Begin with `CRANE_IMPORT_OPTIONS_INIT`.
 */
typedef struct crane_import_options {
    /**
     * Bytes of this struct.
     */
    uint32_t struct_size;
    /**
     * What becomes of facts that something stands against: one of `CRANE_CONFLICT_…`.
     */
    int32_t on_conflict;
    /**
     * The signers that the person trusts, each `cranepub1:` and 64 hexadecimal digits. Facts of every other pack are marked
     * untrusted for good.
     */
    const char *const *trusted;
    /**
     * How many signers there are.
     */
    size_t trusted_count;
    /**
     * From which similarity (cosine, -1 to 1) two photos are taken for the same picture; 0: 0.95.
     */
    float similarity;
} crane_import_options;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * `CRANE_ABI_VERSION` of the library that is loaded. A program needs at least the one that it was compiled with.
 */
uint32_t crane_abi_version(void);

/**
 * The library's own version, such as "0.1.0"; never freed.
 */
const char *crane_version(void);

/**
 * The status of this thread's last call; calls that return no status don't change it.
 */
int32_t crane_last_error_code(void);

/**
 * Copies the message of this thread's last call, empty when that worked, into `buffer`.
 *
 * At most `size` bytes are written, the last of them a NUL; a character is never cut. Returns the message's length in
 * bytes without the NUL: call it with NULL and 0 to learn how much room is needed. Messages hold no fact, question or
 * answer. Show them to developers; decide by the code.
 *
 * @param buffer `size` writable bytes, or NULL when `size` is 0.
 */
size_t crane_last_error_message(char *buffer, size_t size);

/**
 * The text's bytes, with a NUL at their end; NULL when the handle is not in use. They stay until the text is freed.
 */
const char *crane_text_data(const struct crane_text *text);

/**
 * The text's length in bytes, without the NUL; 0 when the handle is not in use.
 */
size_t crane_text_size(const struct crane_text *text);

/**
 * Copies the text into `buffer`: at most `size` bytes, the last of them a NUL, never cutting a character. Returns the
 * length of the whole text without the NUL, or 0 when the handle is not in use.
 *
 * @param buffer `size` writable bytes, or NULL when `size` is 0.
 */
size_t crane_text_copy(const struct crane_text *text, char *buffer, size_t size);

/**
 * Frees a text. NULL is fine; a text that was freed before gives `CRANE_INVALID_INPUT`.
 */
int32_t crane_text_free(struct crane_text *text);

/**
 * Verifies the models and opens the library. No model is loaded yet.
 *
 * @param options What to open.
 * @param out     Set to the runtime, which `crane_free` frees; to NULL on an error.
 */
int32_t crane_open(const struct crane_options *options, struct crane **out);

/**
 * Copies a new random key for an encrypted library into `buffer`, with a NUL at its end. Only builds with encryption can
 * use it; wipe it when it is in the system's keystore.
 *
 * @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
 */
int32_t crane_key_generate(char *buffer,
                           size_t size);

/**
 * Whether this build can encrypt libraries: 1 or 0.
 */
int32_t crane_has_encryption(void);

/**
 * Ends every question with `CRANE_CLOSED`, waits for them, frees the models and closes the library. Any use afterwards
 * gives `CRANE_CLOSED`; closing again does nothing. Called by a callback it returns at once, and the end of that
 * callback's question does the rest.
 */
int32_t crane_close(struct crane *crane);

/**
 * Closes, and frees the handle. NULL is fine; a handle that was freed before gives `CRANE_INVALID_INPUT`. Nothing that
 * was acknowledged is lost if it is never called.
 */
int32_t crane_free(struct crane *crane);

/**
 * Loads every model now, so that the first question need not wait for it.
 *
 * @param cancel      Ends the wait with `CRANE_CANCELLED`; the models go on loading. May be NULL.
 * @param on_progress Told how far it is, never less than before, and 1 in the end; anything but 0 ends the wait, as `cancel`
 *                    does. May be NULL.
 * @param user_data   Handed to the callback.
 */
int32_t crane_warm_up(struct crane *crane,
                      const struct crane_cancel *cancel,
                      crane_progress_fn on_progress,
                      void *user_data);

/**
 * Gives memory back. Nothing that runs is interrupted: what it uses is given back when it ends.
 *
 * @param level One of `CRANE_TRIM_…`.
 */
int32_t crane_trim_memory(struct crane *crane, int32_t level);

/**
 * Call it when the app goes to the background, before it may be suspended: afterwards no GPU is used, no file is locked,
 * and everything is on disk. Changes give `CRANE_BACKGROUNDED` until `crane_on_foreground`.
 */
int32_t crane_on_background(struct crane *crane);

/**
 * Call it when the app is back in the foreground.
 */
int32_t crane_on_foreground(struct crane *crane);

/**
 * Bytes in use, part by part, as JSON: `{"language_weights": …, "kv_cache": …, "compute": …, "vision": …, "encoders": …,
 * "index": …, "caches": …}`; 0 for what is not loaded.
 */
int32_t crane_memory_usage(const struct crane *crane,
                           struct crane_text **out);

/**
 * What runs the models that are loaded, as JSON: `{"encoder": "tract", "language": "CPU, 2 threads", "cpu_reason":
 * "not_built_in"}`, each null until it is loaded.
 */
int32_t crane_backends(const struct crane *crane, struct crane_text **out);

/**
 * What the models are, without loading them.
 *
 * @param out Set to JSON `{"name": …, "version": …, "description": …, "licence": …, "context": tokens, "language": model,
 *            "vision": model, "encoder_bytes": …}`, where a model is `{"architecture": …, "name": …, "parameters": …,
 *            "quantisation": …, "bits_per_weight": …, "layers": …, "width": …, "feed_forward": …, "heads": …, "kv_heads": …,
 *            "key_width": …, "value_width": …, "trained_context": …, "vocabulary": …, "bytes": …}`.
 */
int32_t crane_model_info(const struct crane *crane,
                         struct crane_text **out);

/**
 * What the language model can compute on; GPUs that crashed an earlier start are left alone and missing.
 *
 * @param out Set to a JSON array of `{"name": …, "description": …, "backend": …, "kind": "cpu", "gpu" or "integrated_gpu",
 *            "memory_total": bytes, "memory_free": bytes}`.
 */
int32_t crane_devices(const struct crane *crane,
                      struct crane_text **out);

/**
 * Forgets that a GPU has crashed, so that the next start tries it again.
 *
 * @param state The folder that `crane_options` names.
 */
int32_t crane_forget_gpu_crash(const char *state);

/**
 * Stores a correction under its photos and texts. It is on disk and in force when this returns.
 *
 * @param out Set to the fact as JSON; may be NULL.
 */
int32_t crane_fact_add(struct crane *crane, const struct crane_new_fact *fact, struct crane_text **out);

/**
 * Active facts that a new one would collide with: the same subject with another target, or a photo at least as similar as
 * `similarity`. Nothing is stored: supersede one, add the new fact beside them, or leave it.
 *
 * @param similarity Cosine, -1 to 1; 0.95 is nearly the same picture.
 * @param out        Set to a JSON array of `{"fact": id, "collision": "subject" or {"picture": similarity}}`.
 */
int32_t crane_fact_conflicts(const struct crane *crane,
                             const struct crane_new_fact *fact,
                             float similarity,
                             struct crane_text **out);

/**
 * Changes a fact: every field of `fact` replaces the old one, its photos and texts are added to what the fact is found
 * by, and a new statement takes the old one's place among the texts.
 *
 * @param out Set to the fact as JSON; may be NULL.
 */
int32_t crane_fact_edit(struct crane *crane,
                        const char *id,
                        const struct crane_new_fact *fact,
                        struct crane_text **out);

/**
 * Stores a correction in place of another one, which stays in the library and fires no more; one undo takes both back.
 *
 * @param old The fact to be replaced.
 * @param out Set to the new fact as JSON; may be NULL.
 */
int32_t crane_fact_supersede(struct crane *crane,
                             const char *old,
                             const struct crane_new_fact *fact,
                             struct crane_text **out);

/**
 * Stores a correction in place of several others, as one change; `supersedes` of the new fact names the first.
 *
 * @param old   The facts to be replaced.
 * @param count How many there are, at least 1.
 * @param out   Set to the new fact as JSON; may be NULL.
 */
int32_t crane_fact_supersede_all(struct crane *crane,
                                 const char *const *old,
                                 size_t count,
                                 const struct crane_new_fact *fact,
                                 struct crane_text **out);

/**
 * Lets a disabled fact fire again. `out` as in `crane_fact_add`.
 */
int32_t crane_fact_enable(struct crane *crane, const char *id, struct crane_text **out);

/**
 * Keeps a fact from firing until it is enabled. `out` as in `crane_fact_add`.
 */
int32_t crane_fact_disable(struct crane *crane, const char *id, struct crane_text **out);

/**
 * Deletes a fact; its history stays, and an undo brings it back. `out` as in `crane_fact_add`.
 */
int32_t crane_fact_delete(struct crane *crane, const char *id, struct crane_text **out);

/**
 * One fact, whatever its state; `CRANE_NOT_FOUND` when there is none. `out` as in `crane_fact_add`.
 */
int32_t crane_fact_get(const struct crane *crane, const char *id, struct crane_text **out);

/**
 * Erases a fact for good, from every file of the library. It can't be undone.
 *
 * @param out Set to a receipt as JSON: `{"fact": id, "at": Unix milliseconds, "change": number, "digest": hexadecimal}`;
 *            may be NULL.
 */
int32_t crane_fact_forget(struct crane *crane,
                          const char *id,
                          struct crane_text **out);

/**
 * The facts that pass the filter, newest first.
 *
 * @param filter Which facts; NULL: all that are not deleted.
 * @param out    Set to a JSON array of facts; to NULL on an error.
 */
int32_t crane_fact_list(const struct crane *crane, const struct crane_filter *filter, struct crane_text **out);

/**
 * Facts that hold all these words, the last of which may be begun only; best match first.
 *
 * @param words 1 to 500 characters.
 * @param limit Most facts to return.
 * @param out   Set to a JSON array of facts; to NULL on an error.
 */
int32_t crane_fact_search(const struct crane *crane, const char *words, uint32_t limit, struct crane_text **out);

/**
 * Changes, newest first, of one fact or of all.
 *
 * @param id    The fact; NULL: all.
 * @param limit Most changes to return.
 * @param out   Set to a JSON array of `{"seq": number, "at": Unix milliseconds, "op": …, "undoes": number or null,
 *              "facts": [id…]}`; to NULL on an error.
 */
int32_t crane_history(const struct crane *crane, const char *id, uint32_t limit, struct crane_text **out);

/**
 * A fact as it was right after a change of the history; `CRANE_NOT_FOUND` where it did not exist then, or is forgotten.
 *
 * @param seq The change's `seq`, see `crane_history`.
 * @param out Set to the fact as JSON; may be NULL.
 */
int32_t crane_fact_as_of(const struct crane *crane, const char *id, int64_t seq, struct crane_text **out);

/**
 * Makes a fact what it was right after a change of the history. That is a change of its own, which an undo takes back.
 * Arguments and errors as in `crane_fact_as_of`.
 */
int32_t crane_fact_restore(struct crane *crane, const char *id, int64_t seq, struct crane_text **out);

/**
 * Takes back the newest change that stands; every fact it touched is exactly as it was.
 *
 * @param out Set to the change as JSON, as in `crane_history`; to `null` when there was none. May be NULL.
 */
int32_t crane_undo(struct crane *crane, struct crane_text **out);

/**
 * Brings the change back that was undone last, unless something else was done since. `out` as in `crane_undo`.
 */
int32_t crane_redo(struct crane *crane, struct crane_text **out);

/**
 * What a fact is found by, in the order of adding; `CRANE_NOT_FOUND` for an unknown fact.
 *
 * @param out Set to a JSON array of `{"id": number, "modality": "image" or "text", "text": … or null, "has_thumbnail": …}`.
 */
int32_t crane_fact_keys(const struct crane *crane,
                        const char *id,
                        struct crane_text **out);

/**
 * Copies the small copy of a photo (JPEG) into `buffer`, where the library keeps one; `CRANE_NOT_FOUND` for an unknown key.
 *
 * @param key    The key's `id`, see `crane_fact_keys`.
 * @param buffer `size` writable bytes, or NULL when `size` is 0. Nothing is written when the photo doesn't fit.
 * @param needed Set to the photo's bytes; to 0 where none is kept.
 */
int32_t crane_thumbnail(const struct crane *crane,
                        int64_t key,
                        uint8_t *buffer,
                        size_t size,
                        size_t *needed);

/**
 * Receipts of all forgotten facts, oldest first.
 *
 * @param out Set to a JSON array of receipts as in `crane_fact_forget`.
 */
int32_t crane_receipts(const struct crane *crane, struct crane_text **out);

/**
 * Makes a handle that ends questions.
 *
 * @param out Set to the handle, which `crane_cancel_free` frees; to NULL on an error.
 */
int32_t crane_cancel_new(struct crane_cancel **out);

/**
 * Ends every question that was asked, or will be asked, with this handle: soon, and at its next batch. It stays set.
 */
int32_t crane_cancel_set(const struct crane_cancel *cancel);

/**
 * Frees the handle, which cancels nothing. NULL is fine; freed before gives `CRANE_INVALID_INPUT`.
 */
int32_t crane_cancel_free(struct crane_cancel *cancel);

/**
 * Which fact would fire on this question? The language model doesn't run.
 *
 * @param out Set to JSON `{"fact": …, "trace": …}`; to NULL on an error.
 */
int32_t crane_preview(struct crane *crane, const struct crane_question *question, struct crane_text **out);

/**
 * Answers a question on this thread and returns when that is done.
 *
 * @param question  What is asked.
 * @param cancel    Ends the question from another thread; may be NULL.
 * @param on_event  Told of what happens meanwhile; may be NULL.
 * @param user_data Handed to the callback.
 * @param out       Set to JSON `{"text": …, "thought": …, "fact": …, "trace": …}`; to NULL on an error. May be NULL for
 *                  those who listen.
 */
int32_t crane_ask(struct crane *crane,
                  const struct crane_question *question,
                  const struct crane_cancel *cancel,
                  crane_event_fn on_event,
                  void *user_data,
                  struct crane_text **out);

/**
 * Writes facts to a file, which appears under its name only when it is complete. It is not encrypted, and forgetting a fact
 * does not reach it.
 *
 * Fails with `CRANE_NOT_FOUND` for a fact that is not there or forgotten, `CRANE_INVALID_INPUT` when the file would stand in
 * the library's folder or in place of one that is no fact pack, `CRANE_STORAGE_FULL`; nothing is left behind then.
 *
 * @param options     What to take along; NULL: everything, unsigned.
 * @param on_progress Told how far it is; may be NULL.
 * @param user_data   Handed to the callback.
 * @param out         Set to JSON `{"facts": …, "keys": …, "receipts": …, "bytes": …, "digest": hexadecimal}`; may be NULL.
 */
int32_t crane_pack_export(const struct crane *crane,
                          const char *file,
                          const struct crane_export_options *options,
                          crane_progress_fn on_progress,
                          void *user_data,
                          struct crane_text **out);

/**
 * Compares a pack with the library: what an import with these options would find. Nothing is stored.
 *
 * Fails with `CRANE_PACK_CORRUPT` for a file that is damaged, altered, incomplete, wrongly signed or no pack at all,
 * `CRANE_NOT_FOUND` where there is none, `CRANE_FINGERPRINT_MISMATCH` when its vectors come from other encoders.
 *
 * @param options     How to import; NULL: nobody is trusted, conflicting facts stay outside.
 * @param on_progress Told how far it is; may be NULL.
 * @param user_data   Handed to the callback.
 * @param out         Set to JSON `{"origin": {"pack": hexadecimal, "signer": key or null, "trusted": …}, "new": [id…],
 *                    "same": [id…], "conflicts": [{"fact": id, "differs": …, "with": [as in crane_fact_conflicts]}…],
 *                    "forgotten": [id…], "forgotten_there": [id…]}`.
 */
int32_t crane_pack_preview(const struct crane *crane,
                           const char *file,
                           const struct crane_import_options *options,
                           crane_progress_fn on_progress,
                           void *user_data,
                           struct crane_text **out);

/**
 * Imports a pack: all of it or nothing, as one change that one undo takes back. Errors and arguments as in
 * `crane_pack_preview`.
 *
 * @param out Set to JSON `{"change": seq or null, "added": [id…], "replaced": [id…], "superseded": [id…], "skipped": [id…],
 *            "same": …, "forgotten": …}`; may be NULL.
 */
int32_t crane_pack_import(struct crane *crane,
                          const char *file,
                          const struct crane_import_options *options,
                          crane_progress_fn on_progress,
                          void *user_data,
                          struct crane_text **out);

/**
 * What a pack says of these facts, in the order in which they were stated. Nothing is stored, and the whole pack is verified
 * first; errors as in `crane_pack_preview`.
 *
 * @param facts The ids of the facts; NULL: all.
 * @param count How many ids there are.
 * @param out   Set to a JSON array of facts.
 */
int32_t crane_pack_facts(const char *file,
                         const char *const *facts,
                         size_t count,
                         struct crane_text **out);

/**
 * Copies a new random key to sign packs with into `buffer`, with a NUL at its end. Wipe it when it is in the system's
 * keystore.
 *
 * @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
 */
int32_t crane_signing_key_generate(char *buffer, size_t size);

/**
 * Copies the half of a signing key that others may know into `buffer`, with a NUL at its end: whoever trusts it trusts the
 * packs that are signed with the key.
 *
 * @param size Bytes of the buffer, at least `CRANE_KEY_SIZE`.
 */
int32_t crane_public_key(const char *signing_key,
                         char *buffer,
                         size_t size);

/**
 * Checks database, history, full text, index files and vectors of a library against each other. Nothing is changed, and a
 * finding is no error. The library may be in use meanwhile, and need not be one that can be opened.
 *
 * Fails with `CRANE_NOT_FOUND` where there is none, `CRANE_LIBRARY_CORRUPT` where the database can't even be looked into,
 * `CRANE_WRONG_KEY`.
 *
 * @param library     The library's folder.
 * @param key         Its key, if it is encrypted; else NULL.
 * @param on_progress Told how far it is; may be NULL.
 * @param user_data   Handed to the callback.
 * @param out         Set to JSON `{"facts": …, "keys": …, "changes": …, "index_rows": …, "findings": [{"part": …, "severity":
 *                    "untidy", "derived" or "damaged", "what": …, "count": …, "facts": [id…]}…]}`, the worst finding first. May be NULL.
 */
int32_t crane_library_check(const char *library,
                            const char *key,
                            crane_progress_fn on_progress,
                            void *user_data,
                            struct crane_text **out);

/**
 * Checks a library and makes anew what is derived and wrong: SQLite's indexes, full text, index files; and tidies up. Facts,
 * keys and history are never touched. A second check follows, of which the callback is told from 0 again.
 *
 * Arguments and errors as in `crane_library_check`; `CRANE_LIBRARY_LOCKED` while it is open for writing.
 *
 * @param out Set to JSON `{"before": report, "done": ["lookup", "full_text", "index", "folder"], "after": report}`, with
 *            reports as in `crane_library_check`; may be NULL.
 */
int32_t crane_library_repair(const char *library,
                             const char *key,
                             crane_progress_fn on_progress,
                             void *user_data,
                             struct crane_text **out);

/**
 * Saves what can be read of a damaged library into a new one with the same key. The damaged one stays as it is.
 *
 * Arguments as in `crane_library_check`. Fails with `CRANE_NOT_FOUND` where there is no library, `CRANE_INVALID_INPUT` when
 * `into` holds anything, `CRANE_LIBRARY_CORRUPT` when nothing could be read, `CRANE_WRONG_KEY`; nothing is left at `into`
 * then.
 *
 * @param into   The new library's folder, which must be empty or missing.
 * @param models The models' folder; needed only where the damaged library does not say for sure which models its vectors come
 *               from. May be NULL.
 * @param out    Set to JSON `{"facts": …, "facts_from_history": …, "facts_without_keys": …, "lost_facts": …, "keys": …,
 *               "keys_from_index": …, "lost_keys": …, "lost_pasts": …, "receipts": …}`; may be NULL.
 */
int32_t crane_library_salvage(const char *library,
                              const char *key,
                              const char *into,
                              const char *models,
                              crane_progress_fn on_progress,
                              void *user_data,
                              struct crane_text **out);

/**
 * Makes every vector of a library anew with other models, where `crane_open` says `CRANE_FINGERPRINT_MISMATCH`. It is all or
 * nothing.
 *
 * Photos of which the library keeps no copy can't be read again. Unless they may be erased, they are refused with
 * `CRANE_INVALID_INPUT`; facts stay, and one that nothing finds any more is disabled. Arguments as in `crane_library_check`;
 * `CRANE_LIBRARY_LOCKED` while it is open for writing.
 *
 * @param models           The models' folder.
 * @param erase_unreadable Not 0: keys that can't be read again are erased.
 * @param out              Set to JSON `{"keys": …, "projected": …, "erased": [[id, key]…], "disabled": [id…]}`; may be NULL.
 */
int32_t crane_library_reembed(const char *library,
                              const char *key,
                              const char *models,
                              int32_t erase_unreadable,
                              crane_progress_fn on_progress,
                              void *user_data,
                              struct crane_text **out);

/**
 * Whether a library is encrypted.
 *
 * @param out Set to JSON `true` or `false`; `false` where there is no library.
 */
int32_t crane_library_is_encrypted(const char *library, struct crane_text **out);

/**
 * Encrypts a library with a key, or with another one than before, or makes it a plain one. Until it is done the library stays
 * as it was, whatever happens. Keep the new key before this is called: without it the library can't be read.
 *
 * Fails with `CRANE_WRONG_KEY` when `key` is not the library's, or this build has no encryption (see `crane_has_encryption`);
 * `CRANE_LIBRARY_LOCKED` while it is open anywhere, also for reading; `CRANE_INVALID_INPUT` for a key that is none, or when
 * there is neither an old key nor a new one; `CRANE_NOT_FOUND`, `CRANE_STORAGE_FULL`.
 *
 * @param library The library's folder.
 * @param key     Its key until now; NULL: it is plain.
 * @param new_key Its key from now on, `cranekey1:` and 64 hexadecimal digits; NULL: it will be plain.
 */
int32_t crane_library_set_key(const char *library,
                              const char *key,
                              const char *new_key);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* CRANE_H */
