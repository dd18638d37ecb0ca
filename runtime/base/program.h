/* runtime/base/program.h - how this program is started once more: as a process that serves, or that looks at a new version. */
#ifndef ORO_BASE_PROGRAM_H
#define ORO_BASE_PROGRAM_H

/* The program is `python -m orochi`, whose executable this is; never told: it is the executable that runs. Borrows until the
 * process ends. Before other threads are started. */
void oro_program_set_python(const char *python);

/* Gives the path to execute. */
const char *oro_program_path(void);
/* Gives the array for execve of the program with these words (words: NULL-terminated, without the program's own name, borrowed by
 * the result); the caller frees the array alone, with oro_free. */
char **oro_program_argv(char *const *words);

#endif
