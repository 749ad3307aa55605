/* main: environment and arguments in, one command run, its output and exit status out. */
#include "app/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/clock.h"

#define MAIN_ARENA_BYTES_MAX ((size_t)256 << 20)
#define OUTPUT_BYTES_MAX     ((size_t)256 << 20)

enum { EXIT_COULD_NOT = 1, EXIT_WRONG_USE = 2 };

void app_flush(struct app *app)
{
    const struct str all = text_str(app->out);
    if (fwrite(all.data, 1, all.size, stdout) != all.size || fflush(stdout) != 0) {
        exit(EXIT_COULD_NOT); /* nobody reads any more */
    }
    text_clear(app->out);
}

static int terminal_columns(void)
{
    struct winsize size;
    if (isatty(STDOUT_FILENO) == 0) {
        return 0;
    }
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct text out;
    struct err err = {0};
    arena_init(&arena, MAIN_ARENA_BYTES_MAX);
    text_init(&out, OUTPUT_BYTES_MAX);
    struct app app = {.now_ns = clock_now_ns(),
                      .since_ns = INT64_MIN,
                      .until_ns = INT64_MAX,
                      .columns = terminal_columns(),
                      .arena = &arena,
                      .out = &out};
    const enum errc code = run_command_line(&app, argc, argv, &err);
    app_flush(&app);
    if (code != ERR_OK) {
        fprintf(stderr, "bursar: %s\n", err.text);
    }
    text_deinit(&out);
    arena_deinit(&arena);
    return code == ERR_OK ? EXIT_SUCCESS : code == ERR_USAGE ? EXIT_WRONG_USE : EXIT_COULD_NOT;
}
