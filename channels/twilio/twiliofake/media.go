package twiliofake

import (
	"net/http"
	"strings"
)

// cdnPath is where redirected media live. It asks for no password, as the storage behind Twilio's redirects does not.
const cdnPath = "/_cdn/"

func (c *Carrier) mediaPath(sid, media string) string {
	return c.messagesPath() + "/" + sid + "/Media/" + media
}

// listMedia answers GET Messages/{Sid}/Media.json. Twenty files are never reached, so one page holds all.
func (c *Carrier) listMedia(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	page, size, problem := paging(query)
	for name := range query {
		if name != "Page" && name != "PageSize" && name != "PageToken" {
			problem = refuse(codeUnknownParameter, name+" is no parameter of this list")
		}
	}
	c.mu.Lock()
	m := c.present(r.PathValue("sid"))
	files := []map[string]any{}
	if m != nil {
		for _, f := range m.Media[:min(size, len(m.Media))] {
			files = append(files, c.mediaJSON(m, f))
		}
	}
	c.mu.Unlock()
	switch {
	case problem != nil:
		problem.write(w)
		return
	case m == nil:
		refuse(codeNotFound, r.URL.Path).write(w)
		return
	}
	answer := listPage(c.messagesPath()+"/"+m.SID+"/Media.json", query, page, size, len(files), "")
	answer["media_list"] = files
	writeJSON(w, http.StatusOK, answer)
}

func (c *Carrier) mediaJSON(m *message, f Media) map[string]any {
	return map[string]any{
		"account_sid":  c.opts.AccountSID,
		"content_type": firstOf(f.ContentType, "application/octet-stream"),
		"date_created": rfc2822(m.At),
		"date_updated": rfc2822(m.At),
		"parent_sid":   m.SID,
		"sid":          f.SID,
		"uri":          c.mediaPath(m.SID, f.SID) + ".json",
	}
}

// fetchMedia answers GET Messages/{Sid}/Media/{Sid}: with the file's description if the path ends in .json, else with the file or a redirect to it.
func (c *Carrier) fetchMedia(w http.ResponseWriter, r *http.Request) {
	name, described := strings.CutSuffix(r.PathValue("media"), ".json")
	c.mu.Lock()
	m := c.present(r.PathValue("sid"))
	f, found := fileOf(m, name)
	redirect, late := c.behavior.MediaRedirect, found && !described && c.late(f)
	c.mu.Unlock()
	switch {
	case !found, late:
		refuse(codeNotFound, r.URL.Path).write(w)
	case described:
		writeJSON(w, http.StatusOK, c.mediaJSON(m, f))
	case f.URL != "":
		http.Redirect(w, r, f.URL, http.StatusTemporaryRedirect)
	case f.Trick != "" && f.Trick != TrickLate:
		play(w, r, f)
	case redirect:
		http.Redirect(w, r, cdnPath+m.SID+"-"+f.SID, http.StatusTemporaryRedirect)
	default:
		serveFile(w, f)
	}
}

func (c *Carrier) serveRedirected(w http.ResponseWriter, r *http.Request) {
	sid, name, _ := strings.Cut(r.PathValue("media"), "-")
	c.mu.Lock()
	f, found := fileOf(c.present(sid), name)
	c.mu.Unlock()
	if !found {
		http.NotFound(w, r)
		return
	}
	serveFile(w, f)
}

func serveFile(w http.ResponseWriter, f Media) {
	w.Header().Set("Content-Type", f.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(f.Bytes)
}

// removeMedia answers DELETE Messages/{Sid}/Media/{Sid}.json.
func (c *Carrier) removeMedia(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(r.PathValue("media"), ".json")
	c.mu.Lock()
	m := c.present(r.PathValue("sid"))
	f, found := fileOf(m, name)
	deleted := found && c.record(Entry{Kind: KindDeleteFile, SID: m.SID, MediaSID: f.SID}) == nil
	c.mu.Unlock()
	if !deleted {
		refuse(codeNotFound, r.URL.Path).write(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// fileOf finds a message's file by its SID. The message may be nil; the caller holds the lock.
func fileOf(m *message, sid string) (Media, bool) {
	if m == nil {
		return Media{}, false
	}
	for _, f := range m.Media {
		if f.SID == sid {
			return f, true
		}
	}
	return Media{}, false
}
