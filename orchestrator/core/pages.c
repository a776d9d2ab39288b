/* SPDX-License-Identifier: Apache-2.0 */
#include "orchestrator/core/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct core_pages {
	struct snapshot snapshot;
	size_t at; /* the next object */
	struct answer_form form;
	int64_t now_ns;
	struct buf
		head; /* what comes first: the envelope up to the first item; emptied when sent */
	size_t weight;
	bool exact; /* @weight is the length */
	bool ended;
};

static void put_meta(struct buf *buf, const struct list_meta *meta)
{
	(void)buf_printf(buf, ",\"metadata\":{\"resourceVersion\":\"%" PRIu64 "\"", meta->revision);
	if (meta->continue_token)
		(void)buf_printf(buf, ",\"continue\":\"%s\"", meta->continue_token);
	if (meta->remaining >= 0)
		(void)buf_printf(buf, ",\"remainingItemCount\":%" PRId64, meta->remaining);
	(void)buf_putc(buf, '}');
}

static int put_head(struct buf *buf, const struct schema_kind *kind, const struct answer_form *form,
		    const struct list_meta *meta)
{
	char version[256];
	const char *meta_version = form->beta ? "meta.k8s.io/v1beta1" : "meta.k8s.io/v1";

	if (form->form == ACCEPT_OBJECT)
		(void)buf_printf(buf, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"", kind->list_kind,
				 schema_api_version(kind, version, sizeof(version)));
	else
		(void)buf_printf(buf, "{\"kind\":\"%s\",\"apiVersion\":\"%s\"",
				 form->form == ACCEPT_TABLE ? "Table" : "PartialObjectMetadataList",
				 meta_version);
	put_meta(buf, meta);
	if (form->form == ACCEPT_TABLE)
		return answer_table_head(buf, form, true);
	return buf_puts(buf, ",\"items\":[");
}

int pages_new(const struct schema_kind *kind, const struct answer_form *form,
	      const struct list_meta *meta, struct snapshot *snapshot, int64_t now_ns,
	      struct core_pages **ret)
{
	auto_pages struct core_pages *pages = calloc(1, sizeof(*pages));
	int r;

	if (!pages) {
		snapshot_done(snapshot);
		return -ENOMEM;
	}
	pages->snapshot = *snapshot;
	*snapshot = (struct snapshot){ 0 };
	pages->form = *form;
	pages->now_ns = now_ns;
	r = put_head(&pages->head, kind, form, meta);
	if (r < 0)
		return r;
	pages->exact = form->form != ACCEPT_TABLE;
	pages->weight = pages->head.len + 3;
	for (size_t i = 0; i < pages->snapshot.n; i++)
		pages->weight += (i > 0) + object_form_len(pages->snapshot.objects[i],
							   answer_object_form(form, true));
	*ret = take_ptr(&pages);
	return 0;
}

/* The items from @pages->at to @end, with their commas, and the end of the body behind the last. */
static struct bytes *plain_piece(struct core_pages *pages, size_t end)
{
	enum object_form form = answer_object_form(&pages->form, true);
	struct object **objects = pages->snapshot.objects;
	bool last = end == pages->snapshot.n;
	size_t len = pages->head.len + (last ? 3 : 0);
	struct bytes *bytes;
	char *p;

	for (size_t i = pages->at; i < end; i++)
		len += (i > 0) + object_form_len(objects[i], form);
	bytes = bytes_new(NULL, len);
	if (!bytes)
		return NULL;
	p = bytes->data;
	memcpy(p, buf_str(&pages->head), pages->head.len);
	p += pages->head.len;
	for (size_t i = pages->at; i < end; i++) {
		if (i > 0)
			*p++ = ',';
		p = object_form_put(objects[i], form, p);
	}
	if (last)
		memcpy(p, "]}\n", 3);
	return bytes;
}

static struct bytes *table_piece(struct core_pages *pages, size_t end)
{
	auto_buf struct buf text = { 0 };

	(void)buf_append(&text, buf_str(&pages->head), pages->head.len);
	for (size_t i = pages->at; i < end; i++) {
		if (i > 0)
			(void)buf_putc(&text, ',');
		if (answer_row(&text, &pages->form, pages->snapshot.objects[i], pages->now_ns) < 0)
			return NULL;
	}
	if (end == pages->snapshot.n)
		(void)buf_puts(&text, "]}\n");
	return buf_error(&text) ? NULL : bytes_new(text.data, text.len);
}

static struct bytes *piece(struct core_pages *pages, size_t end)
{
	struct bytes *bytes = pages->form.form == ACCEPT_TABLE ? table_piece(pages, end)
							       : plain_piece(pages, end);

	buf_done(&pages->head);
	for (size_t i = pages->at; i < end; i++)
		pages->snapshot.objects[i] = object_unref(pages->snapshot.objects[i]);
	pages->at = end;
	pages->ended = !bytes || end == pages->snapshot.n;
	return bytes;
}

struct bytes *core_pages_next(struct core_pages *pages)
{
	size_t end = pages->at, len = 0;

	if (pages->ended)
		return NULL;
	while (end < pages->snapshot.n && len < PAGES_PIECE)
		len += object_form_len(pages->snapshot.objects[end++], OBJECT_ITEM);
	return piece(pages, end);
}

struct bytes *pages_rest(struct core_pages *pages)
{
	return piece(pages, pages->snapshot.n);
}

size_t pages_weight(const struct core_pages *pages)
{
	return pages->weight;
}

int64_t core_pages_length(const struct core_pages *pages)
{
	return pages->exact ? (int64_t)pages->weight : -1;
}

struct core_pages *core_pages_free(struct core_pages *pages)
{
	if (!pages)
		return NULL;
	for (size_t i = 0; i < pages->snapshot.n; i++)
		object_unref(pages->snapshot.objects[i]);
	pages->snapshot.n = 0;
	snapshot_done(&pages->snapshot);
	buf_done(&pages->head);
	free(pages);
	return NULL;
}
