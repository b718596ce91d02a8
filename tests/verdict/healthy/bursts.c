// Every 15 seconds a report is made: for three seconds it takes 30 MB in pieces, then all of it is freed.
// expect: quiet
#include <string.h>

#include "support/verdict.h"

enum { kMostPieces = 1200, kPieceBytes = 25000 };

static char* pieces[kMostPieces];
static int piece_count;

static VERDICT_CALL char* read_piece(void) {
    char* piece = malloc(kPieceBytes);
    if (!piece) abort();
    memset(piece, 'x', kPieceBytes);
    return piece;
}

static VERDICT_CALL void build_report(void) {
    if (piece_count < kMostPieces) pieces[piece_count++] = read_piece();
}

static VERDICT_CALL void end_report(void) {
    while (piece_count > 0) free(pieces[--piece_count]);
}

int main(int argc, char** argv) {
    verdict_start(argc, argv);
    for (unsigned turn = 0;; turn++) {
        const double time = verdict_time();
        verdict_pace(400);
        const double phase = time - 15 * (double)(int)(time / 15);
        if (phase >= 5 && phase < 8)
            build_report();
        else
            end_report();
        if (turn % 40 == 0) free(strdup("a request now and then"));
    }
}
