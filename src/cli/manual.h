/* The manual pages, written from the tables of commands, options, exit codes and config keys, so that they
 * say what the program does. */
#ifndef LK_CLI_MANUAL_H
#define LK_CLI_MANUAL_H

#include <stdio.h>

#include "cli/commands.h"

/* litekeep-NAME(1). */
void lk_manual_command(FILE *to, const struct lk_command *command);

/* A page (or a completion script) from its template: a line that is nothing but "@NAME@" is replaced by what
 * the tables say, every other line is copied.
 *
 *     @TITLE NAME SECTION@   the first line of a page
 *     @SYNOPSIS@             litekeep with its global options
 *     @COMMANDS@             every command with one line of help, by groups
 *     @OPTIONS@              the global options
 *     @EXITS@                exit codes
 *     @ENVIRONMENT@          environment variables
 *     @FILES@                files
 *     @KEYS@                 keys of the config file
 *     @LAYOUT@               the drawing in docs/STORE.md, whose text is `store`
 *     @BASH@ @ZSH@ @FISH@    tables of the completion scripts
 *
 * False when the template names something else; *unknown is then the line's number. */
bool lk_manual_expand(FILE *to, const char *template, const char *store, unsigned *unknown);

#endif
