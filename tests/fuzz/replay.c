/*
 * Runs a fuzz target over files and folders without libFuzzer: the seeds, and what was once found, as a test that any
 * compiler builds. A folder that is not there is empty; no input at all is a failure.
 */
#include "fuzz.h"

#include <dirent.h>
#include <sys/stat.h>

static size_t replayed;

static void replay_file(const char *path, size_t size)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(size == 0 ? 1 : size);
    REQUIRE(file != NULL && data != NULL);
    REQUIRE(fread(data, 1, size, file) == size);
    fclose(file);
    (void)LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay(const char *path)
{
    struct stat about;
    struct dirent **names = NULL;
    if (stat(path, &about) != 0) {
        return;
    }
    if (!S_ISDIR(about.st_mode)) {
        replay_file(path, (size_t)about.st_size);
        return;
    }
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char below[4096];
        if (names[i]->d_name[0] != '.' &&
            snprintf(below, sizeof(below), "%s/%s", path, names[i]->d_name) < (int)sizeof(below)) {
            replay(below);
        }
        free(names[i]);
    }
    free(names);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        replay(argv[i]);
    }
    printf("%zu inputs\n", replayed);
    return replayed == 0;
}
