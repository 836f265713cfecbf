/*
 * JSON for the runner, whose numbers are marked text: files of cases, payloads, and text to write. Nothing here trusts
 * jansson with a number, because it has none beyond 64 bits.
 */
#include "vector_json.h"

#include <ctype.h>
#include <errno.h>

/* ---- text -----------------------------------------------------------------------------------------------------------
 */

void vector_add(struct vector_text *text, const char *data, size_t size)
{
    if (text->room - text->size <= size) {
        text->room = text->room * 2 + size + 256;
        text->data = realloc(text->data, text->room);
        if (text->data == NULL) {
            abort();
        }
    }
    if (size > 0) {
        memcpy(text->data + text->size, data, size);
    }
    text->size += size;
    text->data[text->size] = '\0';
}

void vector_add_text(struct vector_text *text, const char *data)
{
    vector_add(text, data, strlen(data));
}

static bool in_number(char c)
{
    return isdigit((unsigned char)c) || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

/* The one spelling in which equal numbers are equal texts. */
static void add_number(struct vector_text *out, const char *number, size_t size)
{
    char copy[400], canonical[40];
    bool real =
        memchr(number, '.', size) != NULL || memchr(number, 'e', size) != NULL || memchr(number, 'E', size) != NULL;
    if (size == 2 && memcmp(number, "-0", 2) == 0) {
        vector_add(out, "0", 1);
    } else if (real && size < sizeof(copy)) {
        memcpy(copy, number, size);
        copy[size] = '\0';
        snprintf(canonical, sizeof(canonical), "%.17e", strtod(copy, NULL) + 0.0);
        vector_add_text(out, canonical);
    } else {
        vector_add(out, number, size);
    }
}

/* Where the string that begins at its opening quote ends, behind the closing one. */
size_t vector_string_end(const char *text, size_t size, size_t at)
{
    for (at++; at < size && text[at] != '"'; at++) {
        at += text[at] == '\\';
    }
    return at < size ? at + 1 : size;
}

/* JSON whose numbers are strings that begin with VECTOR_MARK; whatever is no JSON stays that. */
static struct vector_text mark_numbers(const char *text, size_t size)
{
    struct vector_text out = {0};
    vector_add(&out, "", 0);
    for (size_t at = 0; at < size;) {
        size_t end = at + 1;
        if (text[at] == '"') {
            end = vector_string_end(text, size, at);
            vector_add(&out, text + at, end - at);
        } else if (text[at] == '-' || isdigit((unsigned char)text[at])) {
            while (end < size && in_number(text[end])) {
                end++;
            }
            vector_add_text(&out, "\"\\u0001\\u0002");
            add_number(&out, text + at, end - at);
            vector_add_text(&out, "\"");
        } else {
            vector_add(&out, text + at, 1);
        }
        at = end;
    }
    return out;
}

/* JSON without white space between its tokens. */
void vector_add_compact(struct vector_text *out, const char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t end = text[at] == '"' ? vector_string_end(text, size, at) : at + 1;
        if (strchr(" \t\r\n", text[at]) == NULL) {
            vector_add(out, text + at, end - at);
        }
        at = end;
    }
}

void vector_add_json_string(struct vector_text *out, const char *data, size_t size)
{
    json_t *string = json_stringn_nocheck(data, size);
    char *written = string == NULL ? NULL : json_dumps(string, JSON_ENCODE_ANY);
    vector_add_text(out, written == NULL ? "\"?\"" : written);
    free(written);
    json_decref(string);
}

json_t *vector_parse(const char *text, size_t size, json_error_t *error)
{
    struct vector_text marked = mark_numbers(text, size);
    json_t *value = json_loadb(marked.data, marked.size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, error);
    free(marked.data);
    return value;
}

/* ---- files ----------------------------------------------------------------------------------------------------------
 */

static bool read_file(const char *path, struct vector_text *out)
{
    char part[65536];
    size_t got;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    vector_add(out, "", 0);
    while ((got = fread(part, 1, sizeof(part), file)) > 0) {
        vector_add(out, part, got);
    }
    bool read = ferror(file) == 0;
    fclose(file);
    return read;
}

static json_t *parse_lines(const struct vector_text *text, json_error_t *error)
{
    json_t *cases = json_array();
    for (size_t at = 0; at < text->size;) {
        const char *newline = memchr(text->data + at, '\n', text->size - at);
        size_t end = newline == NULL ? text->size : (size_t)(newline - text->data);
        if (strspn(text->data + at, " \t\r") < end - at) {
            json_t *test = vector_parse(text->data + at, end - at, error);
            if (test == NULL) {
                json_decref(cases);
                return NULL;
            }
            json_array_append_new(cases, test);
        }
        at = end + 1;
    }
    return cases;
}

json_t *vector_load(const char *path, bool lines, char *why, size_t why_size)
{
    struct vector_text text = {0};
    json_error_t error = {0};
    json_t *cases = NULL;
    if (!read_file(path, &text)) {
        snprintf(why, why_size, "%s", strerror(errno));
    } else {
        cases = lines ? parse_lines(&text, &error) : vector_parse(text.data, text.size, &error);
        if (cases == NULL) {
            snprintf(why, why_size, "%s", error.text);
        } else if (!json_is_array(cases)) {
            snprintf(why, why_size, "no array of cases");
            json_decref(cases);
            cases = NULL;
        }
    }
    free(text.data);
    return cases;
}
