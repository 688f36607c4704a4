/* sync/sync.h - the engine as its users see it; see DESIGN.md for how it works. */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "clock.h"
#include "clock_hear.h"
#include "clock_wait.h"
#include "conflict.h"
#include "credential.h"
#include "cursor.h"
#include "digest.h"
#include "engine.h"
#include "exchange.h"
#include "exchange_state.h"
#include "history.h"
#include "receipt.h"
#include "save.h"
#include "unit.h"
#include "verify.h"

#endif
