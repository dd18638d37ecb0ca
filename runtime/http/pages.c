/* What is not the API: the module's page, the dashboard, and the policies that browsers are told with them. */
#include "runtime/http/http_priv.h"

#include <stdio.h>

#include "runtime/base/origin.h"

/* ---- policies ---- */

enum page_kind { PAGE_MODULE, PAGE_DASHBOARD, PAGE_OWN };

/* Who may put the page into a frame: we, and whom net.allow_origins names; "" for everybody. */
static const char *
framers(const struct oro_server_options *opt, enum page_kind kind, char *out, size_t size)
{
    const char *list = kind == PAGE_MODULE && opt->allow_origins != NULL ? opt->allow_origins : "";
    if (oro_origin_listed(list, "*"))
        return "";
    snprintf(out, size, "frame-ancestors 'self' %s; ", list);
    for (char *p = out; *p != '\0'; p++)
        if (*p == ',')
            *p = ' ';
    return out;
}

/* A module's page may load what its author likes; what it may not is let its addresses be changed by what others wrote into it.
 * The dashboard is ours, and needs its own files and its server. */
static void
policies(struct request *q, enum page_kind kind)
{
    const struct oro_server_options *opt = q->opt;
    const char *host = q->http->host != NULL ? q->http->host : "";
    char frames[ORO_ORIGINS_MAX + 64], text[sizeof(frames) + 1024];
    const char *who = framers(opt, kind, frames, sizeof(frames));
    if (kind == PAGE_MODULE)
        snprintf(text, sizeof(text), "%sobject-src 'none'; base-uri 'self'", who);
    else if (kind == PAGE_DASHBOARD)
        snprintf(text, sizeof(text),
                 "%sdefault-src 'self'; img-src 'self' data:; connect-src 'self' ws://%.300s "
                 "wss://%.300s; object-src 'none'; base-uri 'none'; form-action 'none'",
                 who, host, host);
    else
        snprintf(text, sizeof(text), "%sdefault-src 'none'; base-uri 'none'; form-action 'none'",
                 who);
    oro_http_header(q->res, "content-security-policy", text);
    if (strstr(text, "frame-ancestors 'self' ;") != NULL)
        oro_http_header(q->res, "x-frame-options", "SAMEORIGIN");
    oro_http_header(q->res, "referrer-policy", "same-origin");
}

/* ---- pages ---- */

/* Where the module has no page. A database's name is letters, digits, - and _ (config.c). */
static void
own_page(struct request *q)
{
    const char *name = q->opt->name;
    q->res->status = 200;
    q->res->content_type = "text/html; charset=utf-8";
    oro_bb_printf(
        &q->res->body,
        "<!doctype html><title>%s</title><h1>%s</h1><p>Orochi serves this database. The module "
        "has no web "
        "page (a folder <code>dist</code> or <code>web</code> beside it would be served here). "
        "<a href=\"/dashboard/\">Dashboard</a>, <a "
        "href=\"/v1/database/%s/schema?version=10\">schema</a>, "
        "<a href=\"/v1/metrics\">metrics</a></p>",
        name, name, name);
}

/* Browsers ask for it on every page that names no icon, and complain where there is none. */
static void
own_icon(struct request *q)
{
    q->res->status = 200;
    q->res->content_type = "image/svg+xml";
    oro_bb_printf(
        &q->res->body,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\"><rect width=\"32\" "
        "height=\"32\" rx=\"8\" fill=\"#0b1020\"/><path d=\"M4 21l7-8 6 6 10-12\" "
        "fill=\"none\" stroke=\"#34d399\" stroke-width=\"4\" stroke-linecap=\"round\" "
        "stroke-linejoin=\"round\"/></svg>");
}

static bool
file_page(struct request *q, bool dashboard)
{
    const struct oro_server_options *opt = q->opt;
    const char *dir = dashboard ? opt->dashboard_dir : opt->static_dir, *path = q->http->path;
    if (dir == NULL || !oro_http_static(dir, dashboard ? path + 10 : path, q->http, q->res))
        return false;
    policies(q, dashboard ? PAGE_DASHBOARD : PAGE_MODULE);
    return true;
}

void
oro_http_page(struct request *q)
{
    const struct oro_server_options *opt = q->opt;
    const char *path = q->http->path;
    if (strcmp(q->http->method, "GET") != 0 && strcmp(q->http->method, "HEAD") != 0) {
        oro_http_answer(q->res, 405, "%s is not possible here", q->http->method);
        oro_http_header(q->res, "allow", "GET");
        return;
    }
    if (strcmp(path, "/dashboard") == 0) {
        oro_http_answer(q->res, 301, "/dashboard/");
        oro_http_header(q->res, "location", "/dashboard/");
        return;
    }
    bool dashboard = strncmp(path, "/dashboard/", 11) == 0;
    if (file_page(q, dashboard))
        return;
    policies(q, PAGE_OWN);
    if (dashboard && strcmp(path, "/dashboard/") == 0) {
        oro_http_answer(
            q->res, 404,
            "The dashboard's page is not built: `sh config/build.sh` or `sh config/run.sh` "
            "does that (it needs "
            "node), or `npm install && npm run build` in net/web. It is looked for in %s.",
            opt->dashboard_dir != NULL ? opt->dashboard_dir : "no folder");
        return;
    }
    if (strcmp(path, "/") == 0)
        own_page(q);
    else if (strcmp(path, "/favicon.ico") == 0)
        own_icon(q);
    else
        oro_http_answer(q->res, 404, "There is no such page.");
}
