#include "ingest/outcome_body.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "ingest/table_priv.h"
#include "wire/table_value.h"

enum { FOUND_BYTES_MAX = 60, NUMBER_BYTES_MAX = 64, FIELDS_MAX = 20 };

/* What reads the rows of one body. */
struct reader {
    const struct outcome_body *body;
    struct arena *arena;
    struct outcome_rows *rows;
    const struct ingest_sheet *sheet;
    struct table *table; /* the sheet's fields as columns */
    int64_t line;
};

/* One row on its way. */
struct row {
    struct str values[FIELDS_MAX]; /* by table_field.value */
    struct str names[FIELDS_MAX];  /* as the sender calls them */
    struct json nodes[FIELDS_MAX];
    char numbers[FIELDS_MAX][NUMBER_BYTES_MAX];
};

static enum errc no_room(struct err *err)
{
    return err_set(err, ERR_LIMIT, "the outcomes of one request do not fit; send fewer at once");
}

static size_t known_count(const struct ingest_sheet *sheet)
{
    size_t count = 0;
    while (count < COUNT_OF(sheet->known) && sheet->known[count].name.size > 0) {
        count++;
    }
    return count;
}

static enum errc make_table(struct reader *reader, struct err *err)
{
    const struct ingest_sheet *const sheet = reader->sheet;
    reader->table = arena_new(reader->arena, struct table, 1);
    if (reader->table == NULL) {
        return no_room(err);
    }
    for (size_t i = 0; i < sheet->record_count; i++) {
        reader->table->has[sheet->records[i]] = true;
    }
    for (size_t i = 0; i < known_count(sheet); i++) {
        const enum table_name name = sheet->known[i].field;
        if (reader->table->fields[name].origin == TABLE_ABSENT) {
            reader->table->fields[name] = (struct table_field){
                .origin = TABLE_COLUMN,
                .type = table_field_type(name),
                .text = sheet->known[i].name,
                .unit = table_unit_default(name),
                .value = reader->table->value_count++,
            };
        }
    }
    CHECK(reader->table->value_count <= FIELDS_MAX);
    return ERR_OK;
}

/* ---- what is wrong */

static struct str shorten(struct str text)
{
    return (struct str){text.data, text.size > FOUND_BYTES_MAX ? FOUND_BYTES_MAX : text.size};
}

/* The beginning of a value, borrowed from the document or put into `text`. */
static struct str found_of(struct json node, char text[static FOUND_BYTES_MAX])
{
    if (json_kind(node) == JSON_STRING) {
        return shorten(json_str(node));
    }
    const size_t size = json_minify(node, text, FOUND_BYTES_MAX);
    return shorten((struct str){text, size});
}

static enum errc reject(struct reader *reader, struct str field, struct str found,
                        struct str reason, struct err *err)
{
    struct outcome_rows *const rows = reader->rows;
    rows->rejected++;
    if (rows->rejects.count == OUTCOME_BODY_REJECTS_MAX) {
        return ERR_OK;
    }
    const struct str field_kept = arena_copy(reader->arena, field);
    const struct str reason_kept = arena_copy(reader->arena, reason);
    const struct str found_kept = arena_copy(reader->arena, found);
    const bool is_kept =
        field_kept.data != NULL && reason_kept.data != NULL && found_kept.data != NULL;
    const size_t at = is_kept ? arena_push(reader->arena, &rows->rejects) : SIZE_MAX;
    if (at == SIZE_MAX) {
        return no_room(err);
    }
    rows->rejects.rows[at] = (struct outcome_reject){.index = rows->count - 1,
                                                     .line = reader->line,
                                                     .field = field_kept,
                                                     .found = found_kept,
                                                     .reason = reason_kept};
    return ERR_OK;
}

static enum errc reject_field(struct reader *reader, const struct row *row, size_t value,
                              const char *reason, struct err *err)
{
    char text[FOUND_BYTES_MAX];
    return reject(reader, row->names[value], found_of(row->nodes[value], text), str_from(reason),
                  err);
}

/* A name that means nothing here, once; a long list is cut. */
static enum errc ignore(struct reader *reader, struct str name, struct err *err)
{
    struct outcome_rows *const rows = reader->rows;
    for (size_t i = 0; i < rows->ignored_count; i++) {
        if (str_equal(rows->ignored[i], shorten(name))) {
            return ERR_OK;
        }
    }
    if (rows->ignored_count == OUTCOME_BODY_IGNORED_MAX) {
        return ERR_OK;
    }
    const struct str kept = arena_copy(reader->arena, shorten(name));
    rows->ignored[rows->ignored_count++] = kept;
    return kept.data != NULL ? ERR_OK : no_room(err);
}

/* ---- one row */

static enum table_name field_named(const struct reader *reader, struct str name)
{
    const struct ingest_sheet *const sheet = reader->sheet;
    for (size_t i = 0; i < known_count(sheet); i++) {
        if (str_equal_fold(str_trim(name), sheet->known[i].name)) {
            return sheet->known[i].field;
        }
    }
    return TABLE_FIELD_COUNT;
}

/* The text of one member; `*out_good` is false when the row is rejected for it. */
static enum errc take_member(struct reader *reader, struct str name, struct json node,
                             struct row *row, bool *out_good, struct err *err)
{
    const enum table_name field = field_named(reader, name);
    const enum json_kind kind = json_kind(node);
    if (field == TABLE_FIELD_COUNT) {
        return ignore(reader, name, err);
    }
    if (kind == JSON_NULL) {
        return ERR_OK;
    }
    const size_t value = reader->table->fields[field].value;
    const bool is_first = row->names[value].size == 0;
    row->names[value] = name;
    row->nodes[value] = node;
    if (!is_first) {
        *out_good = false;
        return reject_field(reader, row, value, "is given twice in this row; leave one out", err);
    }
    if (kind == JSON_ARRAY || kind == JSON_OBJECT) {
        *out_good = false;
        return reject_field(reader, row, value, "is no single value; give text or a number", err);
    }
    if (kind == JSON_STRING) {
        row->values[value] = json_str(node);
    } else {
        const size_t size = json_minify(node, row->numbers[value], NUMBER_BYTES_MAX);
        CHECK(size <= NUMBER_BYTES_MAX);
        row->values[value] = (struct str){row->numbers[value], size};
    }
    return ERR_OK;
}

/* Each value by itself, so that what is wrong is told by the sender's own name for it. */
static enum errc check_values(struct reader *reader, const struct row *row, bool *out_good,
                              struct err *err)
{
    for (enum table_name name = 0; name < TABLE_FIELD_COUNT && *out_good; name++) {
        const struct table_field *const field = &reader->table->fields[name];
        struct table_cell cell;
        struct err why;
        if (field->origin == TABLE_ABSENT) {
            continue;
        }
        const bool is_time = name == TABLE_OUTCOME_AT || name == TABLE_OUTCOME_RECORDED_AT;
        if (table_value(field, row->values[field->value], &cell, &why) != ERR_OK) {
            *out_good = false;
            return reject_field(reader, row, field->value, why.text, err);
        }
        if (is_time && cell.present && cell.number > reader->body->received_ns + CLOCK_NS_PER_DAY) {
            *out_good = false;
            return reject_field(reader, row, field->value,
                                "is in the future; send it when it has happened", err);
        }
    }
    return ERR_OK;
}

static enum errc check_presence(struct reader *reader, const struct row *row, bool *out_good,
                                struct err *err)
{
    static const struct {
        enum table_name field;
        const char *reason;
    } wanted[] = {
        {TABLE_CASE_ID, "is missing; say which case became what"},
        {TABLE_OUTCOME_STATUS, "is missing; it is resolved, failed, reopened or escalated"},
        {TABLE_CASE_WORKFLOW, "is missing; name it in the row, or ?workflow=W for all rows"},
    };
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        const struct table_field *const field = &reader->table->fields[wanted[i].field];
        const bool has_default =
            wanted[i].field == TABLE_CASE_WORKFLOW && reader->body->workflow.size > 0;
        if (row->values[field->value].size == 0 && !has_default) {
            *out_good = false;
            return reject(reader, field->text, (struct str){0}, str_from(wanted[i].reason), err);
        }
    }
    return ERR_OK;
}

static enum errc keep(struct reader *reader, const struct table_row *from, struct err *err)
{
    struct trace *const trace = &reader->rows->trace;
    struct outcome outcome = from->outcome;
    struct trace_case named = {
        .workflow = from->case_.workflow, .id = from->case_.id, .input_key = from->case_.input_key};
    if (outcome.workflow.size == 0) {
        outcome.workflow = reader->body->workflow;
    }
    if (str_equal(outcome.workflow, STR("unattributed"))) {
        outcome.workflow = STR("");
    }
    struct str *const texts[] = {&outcome.id,     &outcome.workflow,  &outcome.case_id,
                                 &outcome.source, &outcome.reference, &named.input_key};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        *texts[i] = arena_copy(reader->arena, *texts[i]);
        if (texts[i]->data == NULL) {
            return no_room(err);
        }
    }
    outcome.received_ns = reader->body->received_ns + reader->rows->count - 1; /* in their order */
    const size_t at = arena_push(reader->arena, &trace->outcomes);
    if (at == SIZE_MAX) {
        return no_room(err);
    }
    trace->outcomes.rows[at] = outcome;
    if (named.input_key.size == 0) {
        return ERR_OK;
    }
    named.workflow = outcome.workflow;
    named.id = outcome.case_id;
    const size_t place = arena_push(reader->arena, &trace->cases);
    if (place == SIZE_MAX) {
        return no_room(err);
    }
    trace->cases.rows[place] = named;
    return ERR_OK;
}

static enum errc take_object(struct reader *reader, struct json node, struct err *err)
{
    struct row row = {0};
    struct table_row read;
    struct json_cursor at = json_iter(node);
    struct str name;
    struct json value;
    bool good = true;
    enum errc code = ERR_OK;
    while (code == ERR_OK && good && json_next(&at, &name, &value)) {
        code = take_member(reader, name, value, &row, &good, err);
    }
    if (code == ERR_OK && good) {
        code = check_presence(reader, &row, &good, err);
    }
    if (code == ERR_OK && good) {
        code = check_values(reader, &row, &good, err);
    }
    if (code != ERR_OK || !good) {
        return code;
    }
    struct err why;
    if (table_map_row(reader->table, row.values, reader->line, &read, &why) != ERR_OK) {
        struct str rest = str_from(why.text); /* "outcome.quality: allowed is …" */
        const struct str path = str_cut(&rest, ':');
        const size_t dot = str_find(path, STR("."));
        CHECK(dot < path.size);
        const enum table_name field =
            field_named(reader, (struct str){path.data + dot + 1, path.size - dot - 1});
        CHECK(field < TABLE_FIELD_COUNT);
        char reason[ERR_TEXT_BYTES_MAX];
        const struct str told = str_trim(rest);
        memcpy(reason, told.data, told.size);
        reason[told.size] = '\0';
        return reject_field(reader, &row, reader->table->fields[field].value, reason, err);
    }
    return keep(reader, &read, err);
}

static enum errc take_row(struct reader *reader, struct json node, struct err *err)
{
    if (reader->rows->count == OUTCOME_BODY_ROWS_MAX) {
        return err_set(err, ERR_LIMIT, "more than %d outcomes in one request; send them in parts",
                       OUTCOME_BODY_ROWS_MAX);
    }
    reader->rows->count++;
    if (json_kind(node) == JSON_OBJECT) {
        return take_object(reader, node, err);
    }
    char text[FOUND_BYTES_MAX];
    return reject(reader, STR(""), found_of(node, text),
                  STR("is no JSON object such as {\"workflow\": …, \"case\": …, \"status\": …}"),
                  err);
}

/* ---- the body */

static enum errc take_lines(struct reader *reader, struct json_parser *parser, struct err *err)
{
    struct str rest = reader->body->text;
    enum errc code = ERR_OK;
    while (code == ERR_OK && rest.size > 0) {
        const struct str line = str_cut(&rest, '\n');
        struct json node;
        struct err why;
        reader->line++;
        if (str_trim(line).size == 0) {
            continue;
        }
        const enum errc parsed = json_parse(parser, line, line.size + rest.size, &node, &why);
        if (parsed == ERR_OK) {
            code = take_row(reader, node, err);
        } else if (reader->rows->count == OUTCOME_BODY_ROWS_MAX) {
            code = err_set(err, ERR_LIMIT, "more than %d outcomes in one request",
                           OUTCOME_BODY_ROWS_MAX);
        } else {
            reader->rows->count++;
            code = reject(reader, STR(""), shorten(line), str_from(why.text), err);
        }
    }
    return code;
}

static enum errc take_document(struct reader *reader, struct json_parser *parser, struct err *err)
{
    struct json root;
    const struct str text = reader->body->text;
    enum errc code = json_parse(parser, text, text.size, &root, err);
    if (code != ERR_OK) {
        return code;
    }
    if (json_kind(root) != JSON_ARRAY) {
        return take_row(reader, root, err);
    }
    struct json_cursor at = json_iter(root);
    struct json node;
    while (code == ERR_OK && json_next(&at, NULL, &node)) {
        code = take_row(reader, node, err);
    }
    return code;
}

enum errc ingest_outcome_body(const struct outcome_body *body, struct arena *arena,
                              struct outcome_rows *out, struct err *err)
{
    CHECK(body != NULL);
    CHECK(arena != NULL);
    CHECK(out != NULL);

    struct outcome_rows rows = {0};
    struct reader reader = {
        .body = body, .arena = arena, .rows = &rows, .sheet = ingest_outcome_sheet()};
    struct json_parser *parser = NULL;
    if (str_trim(body->text).size == 0) {
        return err_set(err, ERR_SYNTAX,
                       "the body is empty; send {\"workflow\": …, \"case\": …, "
                       "\"status\": …}, an array of such or one a line");
    }
    enum errc code = make_table(&reader, err);
    if (code != ERR_OK) {
        return code;
    }
    json_parser_create(&parser, body->text.size);
    code = body->is_lines ? take_lines(&reader, parser, err) : take_document(&reader, parser, err);
    json_parser_destroy(&parser);
    if (code == ERR_OK && rows.count == 0) {
        code = err_set(err, ERR_SYNTAX, "the body holds no outcome");
    }
    if (code == ERR_OK) {
        *out = rows;
    }
    return code;
}

bool ingest_outcome_field(size_t place, struct outcome_field *out)
{
    static const char *const types[TABLE_TYPE_COUNT] = {
        [TABLE_TEXT] = "text", [TABLE_VERDICT] = "status",   [TABLE_MONEY] = "money",
        [TABLE_TIME] = "time", [TABLE_DURATION] = "minutes", [TABLE_NUMBER] = "number",
    };
    const struct ingest_sheet *const sheet = ingest_outcome_sheet();
    CHECK(out != NULL);
    if (place >= known_count(sheet)) {
        return false;
    }
    const enum table_name name = sheet->known[place].field;
    const char *const type = types[table_field_type(name)];
    CHECK(type != NULL);
    *out = (struct outcome_field){
        .name = sheet->known[place].name.data,
        .type = type,
        .is_wanted = name == TABLE_CASE_ID || name == TABLE_OUTCOME_STATUS,
        .is_alias = place > 0 && sheet->known[place - 1].field == name,
    };
    return true;
}
