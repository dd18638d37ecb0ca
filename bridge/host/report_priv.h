/* bridge/host/report_priv.h - settings that change while interpreters run (report.c). */
#ifndef ORO_HOST_REPORT_PRIV_H
#define ORO_HOST_REPORT_PRIV_H

#include "bridge/host/interp_priv.h"

void oro_py_config_look(struct oro_py *py); /* takes new settings over */
uint64_t oro_py_config_generation(void);    /* rises when they change; any thread */

#endif
